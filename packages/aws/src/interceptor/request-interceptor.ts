import { type Identity, isIdentityError } from '@onbehalf/core'
import { toObserver } from '@onbehalf/core/internal'
import { type LambdaContext, type Named, requestIdOf } from '../lambda-context.ts'
import type { InterceptorAnswer, InterceptorEvent } from './event.ts'
import type { TargetMode, VerifiedCaller } from './modes/target-mode.ts'
import {
  type InterceptorEventReport,
  type InterceptorSettings,
  type RequestInterceptorOptions,
  toInterceptorSettings,
} from './options.ts'
import { type GatewayRequest, kindOf, parseInterceptorEvent } from './parse-event.ts'
import { InterceptorRefusal } from './refusal.ts'

/** Handler of a Lambda function. Made by {@link requestInterceptor}. */
export interface RequestInterceptor {
  /** Never rejects: a failure is an answer that stops the request. */
  (event: InterceptorEvent, context?: LambdaContext): Promise<InterceptorAnswer>
  /**
   * Loads the keys of every issuer: await it where the handler is created, so that it happens while the
   * function starts. It never fails; keys that cannot be reached are fetched again when they are needed.
   */
  ready(): Promise<void>
}

/**
 * Propagates the user's identity through Amazon Bedrock AgentCore Gateway: the handler of a REQUEST
 * interceptor. It verifies the caller's token again, and writes the user into each request as its target
 * expects it, over whatever the client sent. Services do not pass.
 *
 * The gateway must be configured with `passRequestHeaders: true`, and each target must allow-list the
 * headers that are written for it. Does NOT decide what a user may do: the server does.
 *
 * @example
 * ```ts
 * const handler = requestInterceptor({
 *   authenticator,
 *   targets: { invoices: forwardInboundToken({ header: 'x-user-token' }) },
 * })
 * await handler.ready()
 * ```
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function requestInterceptor(options: RequestInterceptorOptions): RequestInterceptor {
  const settings = toInterceptorSettings(options)
  const report = toObserver(options?.onEvent)

  async function intercept(
    event: InterceptorEvent,
    context?: LambdaContext,
  ): Promise<InterceptorAnswer> {
    const kind = kindOf(event)
    const named = requestIdOf(context)
    let request: GatewayRequest | undefined
    try {
      request = parseInterceptorEvent(event)
      const headers = await writeHeaders(request, settings)
      report({ type: 'passed', target: targetOf(request), ...named })
      const body = request.body == null ? {} : { body: request.body }
      return answer(kind, { transformedGatewayRequest: { headers, ...body } })
    } catch (thrown) {
      const stop = toStop(thrown)
      const { message: _public, ...reported } = stop
      report({ type: 'stopped', target: targetOf(request), ...reported, ...named })
      const message = toBody(stop, request, named)
      const body = kind === 'http' ? toBase64(message) : message
      return answer(kind, { transformedGatewayResponse: { statusCode: stop.status, body } })
    }
  }

  const ready = (): Promise<void> => settings.authenticator.ready().catch(() => {})
  return Object.assign(intercept, { ready })
}

/** The headers to pass on: those of the target, and empty ones for those of other targets. */
async function writeHeaders(
  request: GatewayRequest,
  settings: InterceptorSettings,
): Promise<Readonly<Record<string, string>>> {
  const modes = modesFor(request, settings)
  const caller = await verify(request, settings)
  const written = await Promise.all(modes.map((mode) => mode.write(caller)))
  const spellings = spellingsOf(request, settings)
  const blank = [...settings.managed].filter((name) => spellings.has(name))
  const values = new Map([
    ...blank.map((name) => [name, ''] as const),
    ...written.flatMap((part) => Object.entries(part)),
  ])
  // As the client spelled it: in another spelling its own value might stay beside ours.
  return Object.fromEntries(
    [...values].map(([name, value]) => [spellings.get(name) ?? name, value]),
  )
}

function modesFor(
  { addressee }: GatewayRequest,
  settings: InterceptorSettings,
): readonly TargetMode[] {
  if (addressee.kind === 'shared') return settings.shared
  const modes = addressee.kind === 'target' ? settings.targets.get(addressee.name) : undefined
  if (modes === undefined && settings.refuseOthers) throw new InterceptorRefusal('target_unknown')
  return modes ?? []
}

async function verify(
  request: GatewayRequest,
  settings: InterceptorSettings,
): Promise<VerifiedCaller> {
  const { headers, path: url, httpMethod: method } = request
  const user: Identity = await settings.authenticator.authenticate({ headers, url, method })
  if (user.kind !== 'user') throw new InterceptorRefusal('user_required')
  const [, authorization = ''] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  // A token that is bound to a key cannot be passed on: its next bearer could not prove the key.
  if (token === undefined) throw new InterceptorRefusal('user_required', 'no_bearer_token')
  return { user, token, now: settings.clock() }
}

/** How the client spelled the headers that it must not write. */
function spellingsOf(
  { headers }: GatewayRequest,
  { managed }: InterceptorSettings,
): ReadonlyMap<string, string> {
  const spellings = new Map<string, string>()
  for (const spelling of Object.keys(headers)) {
    const name = spelling.toLowerCase()
    if (name !== 'authorization' && !managed.has(name)) continue
    if (spellings.has(name)) throw new InterceptorRefusal('header_duplicate')
    spellings.set(name, spelling)
  }
  return spellings
}

type Reported = Omit<
  Extract<InterceptorEventReport, { type: 'stopped' }>,
  'type' | 'target' | 'requestId'
>

interface Stop extends Reported {
  readonly message: string
}

function toStop(thrown: unknown): Stop {
  if (isIdentityError(thrown)) {
    const { status, reason, failure, message } = thrown
    const isKnown = Object.keys(failure).length > 0
    return { status, reason, message, ...(isKnown && { failure }) }
  }
  // The message of any other error may quote claims.
  const refusal = thrown instanceof InterceptorRefusal ? thrown : new InterceptorRefusal('internal')
  const { status, reason, detail, message } = refusal
  return { status, reason, message, ...(detail !== undefined && { detail }) }
}

/** An error response of JSON-RPC; its code lies outside the ranges that JSON-RPC and MCP reserve. */
function toBody(
  { status, message }: Stop,
  request: GatewayRequest | undefined,
  named: Named,
): object {
  const data = named.requestId === undefined ? {} : { data: named }
  return { jsonrpc: '2.0', id: idOf(request), error: { code: 31_000 + status, message, ...data } }
}

function idOf(request: GatewayRequest | undefined): string | number | null {
  const { id } = (request?.body ?? {}) as { readonly id?: unknown }
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

function targetOf(request: GatewayRequest | undefined): string | undefined {
  return request?.addressee.kind === 'target' ? request.addressee.name : undefined
}

function toBase64(message: object): string {
  return Buffer.from(JSON.stringify(message)).toString('base64')
}

function answer(kind: 'mcp' | 'http', exchange: InterceptorAnswer['mcp']): InterceptorAnswer {
  return { interceptorOutputVersion: '1.0', [kind]: exchange }
}
