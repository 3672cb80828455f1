import type { Client, InMemoryTransport, Transport } from '@modelcontextprotocol/client'
import type { Identity } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import type { ProtectableServer } from '@onbehalf/mcp'

/** A web handler, such as `protectedHandler` makes. */
export interface FetchHandler {
  fetch(request: Request): Response | Promise<Response>
}

/**
 * What a test calls: a protected server or a factory of servers, of either SDK generation, in memory;
 * a web handler or the URL of a running server, over HTTP.
 */
export type CallTarget =
  | ProtectableServer
  | (() => ProtectableServer | Promise<ProtectableServer>)
  | FetchHandler
  | URL

/** As whom: an identity in memory, an access token over HTTP; nobody where it is undefined. */
export type Caller = Identity<unknown> | string | undefined

// Loaded when they are needed: many tests take nothing but a token from here.
const loadClient = () => import('@modelcontextprotocol/client')
const loadServer = async () => ({
  ...(await import('@onbehalf/mcp')),
  ...(await import('@onbehalf/mcp/internal')),
})

const info = { name: 'test', version: '1.0.0' }
// Where a handler is called without a network.
const nowhere = new URL('https://server.test/mcp')

/** Opens a connection for one call, and closes it afterwards. */
export async function withClient<T>(
  target: CallTarget,
  caller: Caller,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const { Client } = await loadClient()
  const client = new Client(info, { versionNegotiation: { mode: modeFor(target) } })
  try {
    await client.connect(await transportTo(target, caller))
    return await use(client)
  } finally {
    await client.close()
  }
}

/** A server in memory is connected before it is asked what it speaks. */
function modeFor(target: CallTarget): 'auto' | 'legacy' {
  return isHttp(target) ? 'auto' : 'legacy'
}

function isHttp(target: CallTarget): target is URL | FetchHandler {
  return target instanceof URL || 'fetch' in target
}

async function transportTo(target: CallTarget, caller: Caller): Promise<Transport> {
  if (isHttp(target)) return overHttp(target, caller)
  if (typeof caller === 'string') {
    throw new TypeError('a token is for a URL or a web handler; in memory, give an identity')
  }
  const { InMemoryTransport } = await loadClient()
  const server = await protectedServer(target)
  const [near, far] = InMemoryTransport.createLinkedPair()
  await server.connect(far as never)
  return sendAs(near, caller)
}

async function overHttp(target: URL | FetchHandler, caller: Caller): Promise<Transport> {
  if (typeof caller === 'object') {
    throw new TypeError('an identity is for a server in memory; over HTTP, give an access token')
  }
  const headers: Record<string, string> =
    caller === undefined ? {} : { authorization: `Bearer ${caller}` }
  const { StreamableHTTPClientTransport } = await loadClient()
  if (target instanceof URL) {
    return new StreamableHTTPClientTransport(target, { requestInit: { headers } })
  }
  return new StreamableHTTPClientTransport(nowhere, {
    requestInit: { headers },
    fetch: async (url, init) => target.fetch(new Request(url, init)),
  })
}

interface Connectable {
  connect(transport: never): Promise<void>
}

/** @throws TypeError for a server that nobody protected: its handlers would run for everyone */
async function protectedServer(
  target: Exclude<CallTarget, URL | FetchHandler>,
): Promise<Connectable> {
  const { isProtected, protect } = await loadServer()
  const server = typeof target === 'function' ? await target() : target
  if (!isProtected(server)) {
    if (typeof target !== 'function') throw new TypeError('protect the server before you call it')
    // As an entry does with the servers of its factory.
    protect(server)
  }
  return server as unknown as Connectable
}

/** Every message carries the identity, as from a transport whose requests were authenticated. */
function sendAs(transport: InMemoryTransport, caller: Identity<unknown> | undefined): Transport {
  if (caller === undefined) return transport
  const { href } = nowhere
  const authInfo = createAuthInfo(caller, { resource: href, resourceMetadataUrl: href })
  const send = transport.send.bind(transport)
  transport.send = (message, options) => send(message, { ...options, authInfo })
  return transport
}
