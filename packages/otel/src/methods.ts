/** Methods that are reported by their name: a caller may send any other. */
export const methods: ReadonlySet<string> = new Set([
  // Of MCP, in all its versions, as far as a client sends them
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'tasks/list',
  'tasks/get',
  'tasks/result',
  'tasks/cancel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  // What a listen stream withholds
  'notifications/resources/updated',
  // Of requests that are refused before they are read; the first, of a transport without HTTP
  'authenticate',
  'HTTP GET',
  'HTTP HEAD',
  'HTTP POST',
  'HTTP PUT',
  'HTTP PATCH',
  'HTTP DELETE',
  'HTTP OPTIONS',
])

/** Whether an event is about an HTTP request that was refused before its message was read. */
export function isUnread(method: string): boolean {
  return method.startsWith('HTTP ')
}
