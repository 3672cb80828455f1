import type { ServerResponse } from 'node:http'
import type { Identity, IdentityError, Refusal } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import type { SessionOwner } from '../owners/session-owner.ts'
import { isRecord } from '../wire/json-rpc.ts'
import { createScopeRefusal, type FindMissingScopes } from './scope-challenge.ts'
import { createFaultAnswer } from './server-fault.ts'
import type { StreamExpiry } from './stream-expiry.ts'

type Handle = (...input: unknown[]) => Promise<unknown>

interface HttpTransport {
  /** Streamable HTTP. */
  handleRequest?: Handle
  /** The older HTTP and SSE transport. */
  handlePostMessage?: Handle
}

/** What a transport was given, in whatever form. */
interface HttpInput {
  readonly method: string
  readonly authInfo: unknown
  readonly body: unknown
  readonly answer: (refusal: Answer) => unknown
}

type Answer = Pick<Refusal, 'status' | 'headers' | 'body'>

/** What runs in front of a transport. */
export interface FrontRules {
  readonly session: SessionOwner
  readonly streams: StreamExpiry
  /** Called for a request to the session of another caller. */
  onForeign(method: string, identity: Identity | undefined): Promise<void> | undefined
  readonly findMissingScopes: FindMissingScopes
}

// Larger batches are refused by the transport itself.
const maxBatchSize = 100

// To the byte what the transports of both SDK generations answer for a session they do not know.
const sessionNotFound: Answer = {
  status: 404,
  headers: { 'content-type': 'application/json' },
  body: '{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}',
}

/**
 * Puts checks in front of an HTTP transport, where the HTTP status is still open, and where GET and
 * DELETE pass, which never become messages.
 *
 * - The session of another caller is answered as one that does not exist.
 * - A stream ends with the identity that opened it.
 * - Missing scopes are answered with 403 under SDK v1, whose transports have no hook for it. It needs
 *   the parsed body, as `express.json()` gives it. Without one the request's stream is left to the
 *   SDK, and the refusal is the tool result of the gate.
 *
 * Input that is neither Node's nor the web's nor Hono's is left to the gate.
 */
export function openFront(transport: object, rules: FrontRules): void {
  const http = transport as HttpTransport
  const isV1 = !('setScopeChallengeResolver' in transport)
  const find = isV1 ? rules.findMissingScopes : undefined
  if (http.handleRequest) http.handleRequest = inFront(http.handleRequest, transport, rules, find)
  if (http.handlePostMessage) {
    http.handlePostMessage = inFront(http.handlePostMessage, transport, rules)
  }
}

function inFront(
  method: Handle,
  transport: object,
  rules: FrontRules,
  find?: FindMissingScopes,
): Handle {
  const handle = method.bind(transport)
  return async (...input) => {
    const http = readInput(input)
    if (http === undefined) return handle(...input)
    const identity = identityOfAuthInfo(http.authInfo)
    const refusal = await refuse(http, identity, rules, find)
    if (refusal !== undefined) return http.answer(refusal)
    if (http.method === 'GET') rules.streams.opened(identity)
    return handle(...input)
  }
}

async function refuse(
  http: HttpInput,
  identity: Identity | undefined,
  rules: FrontRules,
  find: FindMissingScopes | undefined,
): Promise<Answer | undefined> {
  try {
    if (!rules.session.admits(identity)) {
      await rules.onForeign(`HTTP ${http.method}`, identity)
      return sessionNotFound
    }
    const missing = find && (await findInBody(http, find))
    return missing && createScopeRefusal(missing, http.authInfo)
  } catch (thrown) {
    return createFaultAnswer(thrown)
  }
}

async function findInBody(
  { body, authInfo }: HttpInput,
  find: FindMissingScopes,
): Promise<IdentityError | undefined> {
  const messages: unknown[] = Array.isArray(body) ? body : [body]
  if (messages.length > maxBatchSize) return undefined
  for (const message of messages) {
    const missing = isRecord(message) ? await find(message, authInfo) : undefined
    if (missing !== undefined) return missing
  }
  return undefined
}

function readInput([request, second, third]: readonly unknown[]): HttpInput | undefined {
  if (request instanceof Request) {
    const { authInfo, parsedBody } = (second ?? {}) as Record<string, unknown>
    return { method: request.method, authInfo, body: parsedBody, answer: toResponse }
  }
  if (isHonoContext(request)) {
    const { method } = request.req.raw
    return { method, authInfo: request.get('auth'), body: second, answer: toResponse }
  }
  const { auth, method } = (request ?? {}) as { auth?: unknown; method?: unknown }
  const response = second as ServerResponse | undefined
  if (typeof method !== 'string' || typeof response?.writeHead !== 'function') return undefined
  return { method, authInfo: auth, body: third, answer: (answer) => write(response, answer) }
}

/** What the transport of `@hono/mcp` is given. */
interface HonoContext {
  readonly req: { readonly raw: Request }
  get(key: 'auth'): unknown
}

function isHonoContext(input: unknown): input is HonoContext {
  const context = (input ?? {}) as { req?: { raw?: unknown }; get?: unknown }
  return context.req?.raw instanceof Request && typeof context.get === 'function'
}

function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers })
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body)
}
