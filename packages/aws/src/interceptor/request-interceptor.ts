import { type Identity, isIdentityError } from '@onbehalf/core'
import { toReport } from '../observer.ts'
import type { InterceptorAnswer, InterceptorEvent } from './event.ts'
import type { TargetMode, VerifiedCaller } from './modes/target-mode.ts'
import {
  type InterceptorEventReport,
  type InterceptorRules,
  type RequestInterceptorOptions,
  toInterceptorRules,
} from './options.ts'
import { type GatewayRequest, kindOf, parseInterceptorEvent } from './parse-event.ts'
import { InterceptorRefusal } from './refusal.ts'

/** Handler of a Lambda function. Made by {@link requestInterceptor}. */
export interface RequestInterceptor {
  /** Never rejects: what goes wrong is an answer that stops the request. */
  (event: InterceptorEvent): Promise<InterceptorAnswer>
  /**
   * Loads the keys of every issuer: await it where the handler is made, so that it happens while the
   * function starts. It never fails; keys that are out of reach are asked for again.
   */
  ready(): Promise<void>
}

/**
 * Carries the person through Amazon Bedrock AgentCore Gateway: the handler of a REQUEST interceptor. It
 * verifies the caller's token again, and writes the person into each request in the way of its target,
 * over whatever the client put there. Only persons pass.
 *
 * The gateway must be configured with `passRequestHeaders: true`, and each target must allow-list the
 * headers that are written for it. Does NOT decide what a person may do: that is the server's part.
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
  const rules = toInterceptorRules(options)
  const report = toReport(options.onEvent)

  async function intercept(event: InterceptorEvent): Promise<InterceptorAnswer> {
    const kind = kindOf(event)
    let request: GatewayRequest | undefined
    try {
      request = parseInterceptorEvent(event)
      const headers = await writeHeaders(request, rules)
      report({ type: 'passed', target: targetOf(request) })
      const body = request.body == null ? {} : { body: request.body }
      return answer(kind, { transformedGatewayRequest: { headers, ...body } })
    } catch (thrown) {
      const stop = toStop(thrown)
      const { message: _told, ...told } = stop
      report({ type: 'stopped', target: targetOf(request), ...told })
      const message = toBody(stop, request)
      const body = kind === 'http' ? toBase64(message) : message
      return answer(kind, { transformedGatewayResponse: { statusCode: stop.status, body } })
    }
  }

  const ready = (): Promise<void> => rules.authenticator.ready().catch(() => {})
  return Object.assign(intercept, { ready })
}

/** The headers to send on: those of the target, and nothing in those of the others. */
async function writeHeaders(
  request: GatewayRequest,
  rules: InterceptorRules,
): Promise<Readonly<Record<string, string>>> {
  const modes = modesFor(request, rules)
  const caller = await verify(request, rules)
  const written = await Promise.all(modes.map((mode) => mode.write(caller)))
  const spellings = spellingsOf(request, rules)
  const blank = [...rules.managed].filter((name) => spellings.has(name))
  const values = new Map([
    ...blank.map((name) => [name, ''] as const),
    ...written.flatMap((part) => Object.entries(part)),
  ])
  // As the client spelled it: in another spelling its own value might stay beside ours.
  return Object.fromEntries(
    [...values].map(([name, value]) => [spellings.get(name) ?? name, value]),
  )
}

function modesFor({ addressee }: GatewayRequest, rules: InterceptorRules): readonly TargetMode[] {
  if (addressee.kind === 'shared') return rules.shared
  const modes = addressee.kind === 'target' ? rules.targets.get(addressee.name) : undefined
  if (modes === undefined && rules.refuseOthers) throw new InterceptorRefusal('target_unknown')
  return modes ?? []
}

async function verify(request: GatewayRequest, rules: InterceptorRules): Promise<VerifiedCaller> {
  const { headers, path: url, httpMethod: method } = request
  const person: Identity = await rules.authenticator.authenticate({ headers, url, method })
  if (person.kind !== 'user') throw new InterceptorRefusal('person_required')
  const [, authorization = ''] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  // An authenticator of another source would vouch for something else than this header.
  if (token === undefined) throw new InterceptorRefusal('person_required', 'no_bearer_token')
  return { person, token, now: rules.clock() }
}

/** How the client spelled the headers that it must not write. */
function spellingsOf(
  { headers }: GatewayRequest,
  { managed }: InterceptorRules,
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

type Told = Omit<Extract<InterceptorEventReport, { type: 'stopped' }>, 'type' | 'target'>

interface Stop extends Told {
  readonly message: string
}

function toStop(thrown: unknown): Stop {
  if (isIdentityError(thrown)) {
    const { status, reason, message } = thrown
    return { status, reason, message }
  }
  // What anything else says may quote claims.
  const refusal = thrown instanceof InterceptorRefusal ? thrown : new InterceptorRefusal('internal')
  const { status, reason, detail, message } = refusal
  return { status, reason, message, ...(detail !== undefined && { detail }) }
}

/** An error response of JSON-RPC; its code lies outside the ranges that JSON-RPC and MCP reserve. */
function toBody({ status, message }: Stop, request: GatewayRequest | undefined): object {
  return { jsonrpc: '2.0', id: idOf(request), error: { code: 31_000 + status, message } }
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
