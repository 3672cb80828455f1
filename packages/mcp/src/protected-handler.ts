import type { Authenticator } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { resourceMetadataResponse } from '@onbehalf/core/fetch'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { createFault, toResponse } from './http/refusals.ts'
import { type ListenRefusal, openStream } from './listen/listen-stream.ts'
import { serveStream } from './listen/serve-stream.ts'
import { createSettings, type ServerOptions, serverOptions } from './options.ts'
import { OpenStreams } from './owners/session-owner.ts'
import { guardFactory } from './protect.ts'
import {
  type Authentication,
  type CreateServer,
  createAuthentication,
  type EntryServer,
  type Settings,
} from './protection.ts'
import { isListen, isRecord, type Message, type RequestId } from './wire/json-rpc.ts'

/** What `createMcpHandler` of SDK v2 makes, as far as it is used. */
export interface EntryHandler {
  fetch(request: Request, options?: never): Promise<Response>
}

export interface ProtectedHandlerOptions extends ServerOptions {
  /**
   * Authenticates every request. `null` where an adapter such as `@onbehalf/express` has done so:
   * identities then come with its `AuthInfo`, and without one there is none.
   */
  readonly authenticator: Authenticator<unknown> | null
}

interface FetchOptions {
  readonly authInfo?: unknown
  readonly parsedBody?: unknown
}

type Fetch = (request: Request, options?: FetchOptions) => Promise<Response>

const known: OptionNames<ProtectedHandlerOptions> = { ...serverOptions, authenticator: true }

/**
 * Serves a guarded MCP server over HTTP: give it `createMcpHandler` of SDK v2 and your factory, and
 * serve what it returns. Its `fetch` takes web requests; on Node wrap it in the SDK's own
 * `toNodeHandler`.
 *
 * - It publishes the protected resource metadata (RFC 9728) at its path.
 * - It authenticates each request, and answers refused ones as RFC 6750 and MCP ask.
 * - Every server that the factory makes is guarded as {@link protect} does.
 * - A `subscriptions/listen` stream opens only for a caller who may read what it asks for. Each
 *   update is decided on again, and the stream ends when the token expires. A caller who comes back
 *   with more grants is sent `list_changed` on it.
 *
 * To give `createMcpHandler` options, wrap it:
 * `protectedHandler((factory) => createMcpHandler(factory, { legacy: 'reject' }), ...)`.
 *
 * It does not check the `Origin` and `Host` headers: the SDK has middleware for that.
 *
 * @throws TypeError when an option is missing, unknown, undefined or wrong
 *
 * @example
 * ```ts
 * const createServer = () => {
 *   const server = new McpServer({ name: 'invoices', version: '1.0.0' })
 *   server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 *   return server
 * }
 * const handler = protectedHandler(createMcpHandler, createServer, { authenticator })
 * ```
 */
export function protectedHandler<
  F extends (context: never) => EntryServer | Promise<EntryServer>,
  H extends EntryHandler,
>(createHandler: (createServer: F) => H, createServer: F, options: ProtectedHandlerOptions): H {
  assertOptions('protectedHandler', options, known)
  if (options.authenticator === undefined) throw new TypeError('authenticator is required, or null')
  const authenticator = options.authenticator ?? undefined
  const settings = createSettings(options, authenticator)
  const guardedFactory = guardFactory(createServer as CreateServer, settings)
  const handler = createHandler(guardedFactory as unknown as F)
  const serve = handler.fetch.bind(handler) as Fetch
  const guarded = guardListen(serve, guardedFactory)
  const fetch = authenticator ? authenticated(guarded, authenticator, settings) : guarded
  return Object.assign(Object.create(handler) as H, { fetch })
}

/** Admits requests with a verified identity, and guests where they are welcome. */
function authenticated(
  serve: Fetch,
  authenticator: Authenticator<unknown>,
  settings: Settings,
): Fetch {
  const authentication = createAuthentication(authenticator, settings)
  return async (request, { authInfo: given, ...options } = {}) => {
    const metadata = request.url.includes('/.well-known/')
      ? resourceMetadataResponse(request, authenticator)
      : undefined
    if (metadata !== undefined) return metadata
    let authInfo: unknown
    try {
      authInfo = identityOfAuthInfo(given) ? given : await authenticate(authentication, request)
    } catch (error) {
      return toResponse(authentication.refuse(error))
    }
    return serve(request, { ...options, ...(authInfo !== undefined && { authInfo }) })
  }
}

function authenticate(authentication: Authentication, { headers, method, url }: Request) {
  return authentication.authenticate({ headers, method, url })
}

/** Guards `subscriptions/listen`, which the SDK serves before any server sees it. */
function guardListen(serve: Fetch, createServer: CreateServer): Fetch {
  const open = new OpenStreams()
  return async (request, options = {}) => {
    const { authInfo } = options
    const identity = identityOfAuthInfo(authInfo)
    open.hear(identity)
    const parsedBody = options.parsedBody ?? (await readListen(request))
    const message = isRecord(parsedBody) ? (parsedBody as Message) : {}
    if (!isListen(message)) return serve(request, options)
    const context = { era: 'modern', authInfo, requestInfo: request } as const
    const extra = { request, authInfo }
    const stream = await openStream(createServer, context, { request: message, identity, extra })
    const refused = await stream.open().catch(toFault)
    if (refused instanceof Response) return refused
    if (refused !== undefined) return answer(message.id, refused)
    const serveIt = (opened: Request): Promise<Response> =>
      serve(opened, { ...options, parsedBody })
    return serveStream(request, { stream, open }, serveIt)
  }
}

// The SDK has refused a request whose header and body disagree before it opens a stream.
async function readListen(request: Request): Promise<unknown> {
  if (request.headers.get('mcp-method') !== 'subscriptions/listen') return undefined
  return request
    .clone()
    .json()
    .catch(() => undefined)
}

function answer(id: RequestId, { error, refusal, requestId }: ListenRefusal): Response {
  const headers = { 'x-request-id': requestId }
  return refusal ? toResponse(refusal) : Response.json({ jsonrpc: '2.0', id, error }, { headers })
}

/** What could not be recorded was not opened. */
function toFault(error: unknown): Response {
  return toResponse(createFault(error))
}
