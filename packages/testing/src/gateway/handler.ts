import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRefusal, IdentityError } from '@onbehalf/core'
import { metadataAnswer } from '@onbehalf/core/node'
import type { InboundToken } from './credentials.ts'
import { forward } from './forward.ts'
import { pickRequestHeaders } from './headers.ts'
import { type GatewayHooks, reportHops } from './hop.ts'
import { intercept } from './interceptor.ts'
import { parseMessages, type RpcMessage, readMessages } from './messages.ts'
import type { LocalGatewayOptions } from './options.ts'
import { endpointOf, type Target } from './targets.ts'

/** What every request of a gateway needs. */
export interface GatewayContext extends GatewayHooks {
  readonly authenticator: LocalGatewayOptions['authenticator']
  readonly targets: ReadonlyMap<string, Target>
  readonly interceptor: LocalGatewayOptions['interceptor']
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

const METHODS = ['POST', 'GET', 'DELETE']
const targetPath = /^\/([^/]+)(\/.*)$/

/** Answers one request to the gateway. Never rejects. */
export async function handleGatewayRequest(
  context: GatewayContext,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { authenticator, targets } = context
  const published = metadataAnswer(req, authenticator)
  if (published) {
    res.writeHead(published.status, published.headers)
    return void res.end(req.method === 'HEAD' ? undefined : published.body)
  }
  const [path = ''] = (req.url ?? '').split('?', 1)
  const inbound = await authenticate(context, { req, res })
  if (!inbound) return
  const [, name = '', rest = ''] = targetPath.exec(path) ?? []
  const target = targets.get(name)
  const endpoint = target && endpointOf(target, rest)
  if (!target || !endpoint) return sendError(res, 404, 'The gateway has no such target')
  if (!METHODS.includes(req.method ?? '')) {
    res.setHeader('allow', METHODS.join(', '))
    return sendError(res, 405, 'Method not allowed')
  }
  const passed = await runInterceptor(context, { req, res }, target)
  if (passed) await call(context, { req, res }, { target, endpoint, inbound, ...passed })
}

async function authenticate(
  { authenticator }: GatewayContext,
  { req, res }: Exchange,
): Promise<InboundToken | undefined> {
  try {
    const { expiresAt } = await authenticator.authenticate(req)
    const token = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1]
    if (token === undefined) throw new IdentityError('MISSING', { reason: 'no_bearer_token' })
    return { token, expiresAt }
  } catch (error) {
    const { status, headers, body } = createRefusal(error, authenticator)
    res.writeHead(status, headers).end(body)
    return undefined
  }
}

/** What an interceptor lets pass, and how; everything without one. Nothing when it answered. */
interface Passed {
  readonly written: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

async function runInterceptor(
  { interceptor, onError }: GatewayContext,
  { req, res }: Exchange,
  target: Target,
): Promise<Passed | undefined> {
  if (!interceptor) return { written: {}, body: undefined }
  try {
    const body = Buffer.concat(await req.toArray())
    const verdict = await intercept(interceptor, target.name, req, body)
    if (verdict.kind === 'passed') return { written: verdict.headers, body: verdict.body }
    sendJson(res, verdict.status, (verdict.body ?? {}) as object)
  } catch (error) {
    onError?.(error)
    if (!res.headersSent) sendError(res, 500, 'The interceptor failed')
  }
  return undefined
}

interface Call extends Passed {
  readonly target: Target
  readonly endpoint: URL
  readonly inbound: InboundToken
}

async function call(
  context: GatewayContext,
  { req, res }: Exchange,
  { target, endpoint, inbound, written, body }: Call,
): Promise<void> {
  const outbound = await outboundHeaders(context, target, inbound)
  // The caller may have hung up while the gateway waited for a token.
  if (res.destroyed) return
  const messages = body ? Promise.resolve(parseMessages(body)) : readMessages(req)
  if (!outbound) return fail(res, 'The gateway got no token for the target', messages)
  const { authorization, ...others } = written
  const headers = {
    ...pickRequestHeaders({ ...req.headers, ...others }, target.allowedHeaders),
    ...(target.takesAuthorization && authorization !== undefined && { authorization }),
    ...outbound,
  }
  const hop = { target: target.name, httpMethod: req.method, inbound: inbound.token, headers }
  const onAnswer = (): void => {
    void messages.then((read) => reportHops(context, hop, read))
  }
  try {
    await forward({ req, res, endpoint, headers, body, onAnswer })
  } catch (error) {
    context.onError?.(error)
    // Ends the body for `messages`: nobody else reads it any more.
    req.resume()
    if (!res.headersSent) await fail(res, 'The target did not answer', messages)
  }
}

async function outboundHeaders(
  { onError }: GatewayContext,
  target: Target,
  inbound: InboundToken,
): Promise<Record<string, string> | undefined> {
  try {
    return await target.outbound.headers(inbound)
  } catch (error) {
    onError?.(error)
    return undefined
  }
}

async function fail(
  res: ServerResponse,
  message: string,
  messages: Promise<readonly RpcMessage[]>,
): Promise<void> {
  const [first] = await messages
  sendError(res, 502, message, first?.id)
}

// The code lies outside the ranges that JSON-RPC and MCP reserve.
function sendError(
  res: ServerResponse,
  status: number,
  message: string,
  id: RpcMessage['id'] = null,
): void {
  sendJson(res, status, { jsonrpc: '2.0', id, error: { code: 31_000 + status, message } })
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
