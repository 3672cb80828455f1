import { isRecord } from '@onbehalf/core/internal'
import type { InterceptedExchange, InterceptorEvent } from './event.ts'
import { InterceptorRefusal } from './refusal.ts'

/** A request to the gateway, in parts that are known to be there. */
export interface GatewayRequest {
  readonly path: string
  readonly httpMethod: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  /** Which target it is for: a name, `shared` for all of them, or `other` for none of them. */
  readonly addressee: Addressee
}

type Addressee =
  | { readonly kind: 'target'; readonly name: string }
  | { readonly kind: 'shared' }
  | { readonly kind: 'other' }

export type ExchangeKind = 'mcp' | 'http'

/** Which of the two shapes an event has, and so its answer. */
export function kindOf(event: unknown): ExchangeKind {
  return isRecord(event) && isRecord(event['http']) && event['mcp'] == null ? 'http' : 'mcp'
}

/**
 * Reads the event of a REQUEST interceptor.
 *
 * @throws InterceptorRefusal
 */
export function parseInterceptorEvent(event: InterceptorEvent): GatewayRequest {
  const kind = kindOf(event)
  const exchange: unknown = event?.[kind]
  if (event?.interceptorInputVersion !== '1.0' || !isExchange(exchange)) {
    throw new InterceptorRefusal('event_unknown')
  }
  if (exchange.gatewayResponse != null) throw new InterceptorRefusal('response_event')
  const { path, httpMethod, headers, body } = exchange.gatewayRequest
  if (!isRecord(headers)) throw new InterceptorRefusal('headers_missing')
  if (!Object.values(headers).every((value) => typeof value === 'string')) {
    throw new InterceptorRefusal('event_unknown')
  }
  const addressee = kind === 'mcp' ? addresseeOf(body) : addresseeByPath(path)
  return { path, httpMethod, headers, body, addressee }
}

function isExchange(value: unknown): value is InterceptedExchange {
  const request = isRecord(value) ? value['gatewayRequest'] : undefined
  if (!isRecord(request)) return false
  return typeof request['path'] === 'string' && typeof request['httpMethod'] === 'string'
}

// `target___tool`; the name of a target has no underscore.
const prefixed = /^([0-9A-Za-z-]+)___./

/** Only calls name their target. Everything else may go to any: lists, handshakes, notifications. */
function addresseeOf(body: unknown): Addressee {
  if (Array.isArray(body)) throw new InterceptorRefusal('batch')
  // Else what is decided on and what is dispatched could differ.
  if (body != null && !isRecord(body)) throw new InterceptorRefusal('event_unknown')
  const method = body?.['method']
  if (method !== 'tools/call' && method !== 'prompts/get') return { kind: 'shared' }
  const params = body?.['params']
  const called = isRecord(params) ? params['name'] : undefined
  const name = typeof called === 'string' ? prefixed.exec(called)?.[1] : undefined
  return name === undefined ? { kind: 'other' } : { kind: 'target', name }
}

/** `/{target}/invocations` and the like. */
function addresseeByPath(path: string): Addressee {
  const name = /^\/([0-9A-Za-z-]+)(?:[/?]|$)/.exec(path)?.[1]
  return name === undefined ? { kind: 'other' } : { kind: 'target', name }
}
