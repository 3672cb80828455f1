import type { Protection } from './decisions/decide-request.ts'
import type { Connectable } from './wire/transport.ts'

/** Every protected server of this process, by its low-level server. */
export const protections: WeakMap<object, Protection> = new WeakMap()

/** `McpServer` of both generations holds the server that connects, and connects through it. */
export function lowLevelServer(server: object): Connectable {
  return 'server' in server ? (server.server as Connectable) : (server as Connectable)
}

/** @throws TypeError when the server is not protected */
export function protectionOf(server: object): Protection {
  const protection = protections.get(lowLevelServer(server))
  if (protection === undefined) throw new TypeError('the server is not protected')
  return protection
}
