/** Methods that answer with a list, cut to what the caller may use. */
const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

/** Handshake and lists: without an identity they show nothing but what is public. */
export const openMethods: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  ...lists,
])
