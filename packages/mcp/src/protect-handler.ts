import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import type { Deny } from '@onbehalf/core/guards'
import { decideRequest, type Protection } from './decide-request.ts'
import { createDenialError } from './denial.ts'
import { isRecord, isRequest, type Message, paramsOf, type Request as Rpc } from './json-rpc.ts'
import type { ProtectableServer } from './protect.ts'
import { protectionOf } from './protections.ts'
import { recordDecision } from './record-decision.ts'

/** What `createMcpHandler` of SDK v2 makes, as far as it is used. */
export interface EntryHandler<F = unknown> {
  fetch(request: Request, options?: EntryOptions<F>): Promise<Response>
}

interface EntryOptions<F> {
  readonly authInfo?: F
  readonly parsedBody?: unknown
}

/** A server as a factory for `createMcpHandler` makes it, protected. */
export interface EntryServer extends ProtectableServer {
  close(): Promise<void>
}

// Timers hold no more; a stream that long is opened again.
const longestTimer = 2 ** 31 - 1
// What guards allow past the expiry of a token.
const graceSeconds = 60

/**
 * Guards `subscriptions/listen` of an MCP handler, which SDK v2 serves before any server sees it. Give
 * it the same factory as `createMcpHandler`, and serve what it returns.
 *
 * A caller needs an identity, and for each resource that it wants to hear of, what reading it needs.
 * The stream ends when the token expires.
 *
 * It does not watch what the handler's `notify` and `bus` send into open streams: who may hear that a
 * list or a resource changed is decided once, when the stream opens.
 *
 * @example
 * ```ts
 * const createServer = () => protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
 * const guard = (handler: EntryHandler) => protectHandler(handler, createServer)
 * ```
 */
export function protectHandler<H extends EntryHandler<never>>(
  handler: H,
  createServer: (context: never) => EntryServer | Promise<EntryServer>,
): H {
  const serve = handler.fetch.bind(handler) as EntryHandler['fetch']
  const create = createServer as (context: object) => EntryServer | Promise<EntryServer>

  async function guard(
    request: Request,
    message: Rpc,
    authInfo: unknown,
  ): Promise<{ refusal?: Deny; protection: Protection }> {
    const server = await create({ era: 'modern', authInfo, requestInfo: request })
    const protection = protectionOf(server)
    await server.close()
    const refusal = await decideListen(protection, message, identityOfAuthInfo(authInfo))
    return { protection, ...(refusal && { refusal }) }
  }

  const fetch: EntryHandler['fetch'] = async (request, options = {}) => {
    const { authInfo } = options
    const parsedBody = options.parsedBody ?? (await readListen(request))
    const message = isRecord(parsedBody) ? (parsedBody as Message) : {}
    if (!isListen(message)) return serve(request, options)
    const { refusal, protection } = await guard(request, message, authInfo)
    if (refusal !== undefined) return refuse(message, refusal)
    const signal = AbortSignal.any([request.signal, untilExpiry(protection, authInfo)])
    const { url, method, headers } = request
    return serve(new Request(url, { method, headers, signal }), { ...options, parsedBody })
  }
  return Object.assign(Object.create(handler) as H, { fetch })
}

// The SDK has refused a request whose header and body disagree before it opens a stream.
async function readListen(request: Request): Promise<unknown> {
  if (request.headers.get('mcp-method') !== 'subscriptions/listen') return undefined
  return request
    .clone()
    .json()
    .catch(() => undefined)
}

function isListen(message: Message): message is Rpc {
  return isRequest(message) && message.method === 'subscriptions/listen'
}

async function decideListen(
  protection: Protection,
  message: Rpc,
  identity: Identity | undefined,
): Promise<Deny | undefined> {
  const { notifications } = paramsOf(message)
  const wanted = isRecord(notifications) ? notifications['resourceSubscriptions'] : undefined
  const reads = (Array.isArray(wanted) ? wanted : []).map(
    (uri: unknown): Rpc => ({ ...message, method: 'resources/subscribe', params: { uri } }),
  )
  for (const asked of [message, ...reads]) {
    const decision = await decideRequest(protection, asked, identity)
    await recordDecision(protection, { request: asked, identity }, decision)
    if (decision.effect === 'deny') return decision
  }
  return undefined
}

function refuse({ id }: Rpc, decision: Deny): Response {
  return Response.json({ jsonrpc: '2.0', id, error: createDenialError(decision) })
}

function untilExpiry({ now }: Protection, authInfo: unknown): AbortSignal {
  const identity = identityOfAuthInfo(authInfo)
  // Whom a rule lets in without an identity has nothing that could expire.
  const seconds = identity === undefined ? longestTimer : identity.expiresAt + graceSeconds - now()
  return AbortSignal.timeout(Math.min(Math.max(0, Math.ceil(seconds * 1000)), longestTimer))
}
