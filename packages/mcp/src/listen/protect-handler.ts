import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import type { Deny } from '@onbehalf/core/guards'
import { createDenialError } from '../handlers/denial.ts'
import { createFaultAnswer } from '../http/server-fault.ts'
import { isRecord, type Message, type Request as Rpc } from '../wire/json-rpc.ts'
import { filterEvents } from './filter-events.ts'
import { type CreateServer, isListen, openStream } from './listen-stream.ts'

/** What `createMcpHandler` of SDK v2 makes, as far as it is used. */
export interface EntryHandler<F = unknown> {
  fetch(request: Request, options?: EntryOptions<F>): Promise<Response>
}

interface EntryOptions<F> {
  readonly authInfo?: F
  readonly parsedBody?: unknown
}

/**
 * Guards `subscriptions/listen` of an MCP handler, which SDK v2 serves before any server sees it. Give
 * it the same factory as `createMcpHandler`, and serve what it returns.
 *
 * A caller needs an identity, and for each resource that it subscribes to, what reading it needs.
 * Each `notifications/resources/updated` is decided on again before it leaves, and withheld from
 * whom its guard refuses by then. The stream ends when the token expires.
 *
 * It does not look for items that are registered while a stream is open: the guards are those of
 * the server that the factory made when it opened.
 *
 * @example
 * ```ts
 * const createServer = () => protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
 * const guard = (handler: EntryHandler) => protectHandler(handler, createServer)
 * ```
 */
export function protectHandler<H extends EntryHandler<never>>(
  handler: H,
  createServer: CreateServer,
): H {
  const serve = handler.fetch.bind(handler) as EntryHandler['fetch']

  const fetch: EntryHandler['fetch'] = async (request, options = {}) => {
    const { authInfo } = options
    const parsedBody = options.parsedBody ?? (await readListen(request))
    const message = isRecord(parsedBody) ? (parsedBody as Message) : {}
    if (!isListen(message)) return serve(request, options)
    const identity = identityOfAuthInfo(authInfo)
    const context = { era: 'modern', authInfo, requestInfo: request } as const
    const asked = { request: message, identity, extra: { request } }
    const stream = await openStream(createServer, context, asked)
    const refusal = await stream.open().catch(toFault)
    if (refusal instanceof Response) return refusal
    if (refusal !== undefined) return refuse(message, refusal)
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(stream.milliseconds)])
    signal.addEventListener('abort', () => stream.end('cancelled'), { once: true })
    const { url, method, headers } = request
    const opened = new Request(url, { method, headers, signal })
    return filterEvents(await serve(opened, { ...options, parsedBody }), stream)
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

/** What could not be recorded was not opened. */
function toFault(error: unknown): Response {
  const { status, headers, body } = createFaultAnswer(error)
  return new Response(body, { status, headers })
}

function refuse({ id }: Rpc, decision: Deny): Response {
  return Response.json({ jsonrpc: '2.0', id, error: createDenialError(decision) })
}
