import { createRefusal, IdentityError, type Refusal, type RefusalContext } from '@onbehalf/core'
import { createStepUpRefusal } from '@onbehalf/core/internal'
import { refusalContext } from '../http/refusals.ts'
import type { Protection } from '../protection.ts'
import { isModern, isRecord, type Message, paramsOf, type Request } from '../wire/json-rpc.ts'
import { withGranted } from './challenge.ts'
import type { TargetedRequest } from './decide-request.ts'

/** What the caller can do about an error that a handler threw. */
export type Remedy =
  | {
      /** To sign in again at the issuer of their token, with more scopes or by a stronger method. */
      readonly kind: 'sign_in'
      readonly scopes: readonly string[]
      /** Present where a stronger or newer sign-in is needed. */
      readonly stepUp?:
        | { readonly acrValues: readonly string[]; readonly maxAgeSeconds: number | undefined }
        | undefined
    }
  | {
      /** To give consent at an address. */
      readonly kind: 'url'
      readonly url: string
      readonly elicitationId: string
      /** Fixed text, which the user reads. */
      readonly message: string
    }

const remedies = new WeakMap<object, Remedy>()

/** Says what the caller can do about an error, should a handler let it pass. */
export function setRemedy(error: object, remedy: Remedy): void {
  remedies.set(error, remedy)
}

// Those whose answer may ask for something in every revision.
export const answerable: ReadonlySet<string> = new Set([
  'tools/call',
  'resources/read',
  'prompts/get',
])

/**
 * The answer to a request whose handler threw an error that the caller can do something about. A
 * challenge replaces the whole HTTP answer, if that has not begun; without HTTP the answer stays.
 */
export function applyRemedy(
  protection: Protection,
  open: TargetedRequest,
  answer: Message,
  client: KnownClient,
): Message {
  const { thrown, request } = open
  const remedy = isObject(thrown) ? remedies.get(thrown) : undefined
  if (remedy === undefined || !answerable.has(request.method)) return answer
  if (remedy.kind === 'url') return askFor(remedy, open, answer, client)
  const context = refusalContext(protection.authenticator, open.extra)
  if (context !== undefined && !protection.hidesRefused) {
    open.exchange?.refused(toRefusal(remedy, open, context))
  }
  return answer
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function toRefusal(
  { scopes: required, stepUp }: Remedy & { kind: 'sign_in' },
  { identity }: TargetedRequest,
  context: RefusalContext,
): Refusal {
  const scopes = withGranted(required, identity, context)
  if (stepUp !== undefined) return createStepUpRefusal({ scopes, ...stepUp }, context)
  return createRefusal(new IdentityError('SCOPE', { reason: 'scope_missing', scopes }), context)
}

/** What one connection has heard of its client. */
export interface KnownClient {
  /** `capabilities` of its `initialize` request. */
  capabilities?: unknown
}

/** A client that cannot open addresses gets the error. */
function askFor(
  { url, elicitationId, message }: Remedy & { kind: 'url' },
  open: TargetedRequest,
  answer: Message,
  client: KnownClient,
): Message {
  const { request } = open
  const params = { mode: 'url', message, url }
  const whole = { jsonrpc: '2.0', id: request.id }
  if (isModern(request)) {
    if (!opensUrls(capabilitiesIn(request)) || hasRefused(request)) return answer
    // MCP 2026-07-28: the client asks its user, and sends the request again.
    const inputRequests = { [consentKey]: { method: 'elicitation/create', params } }
    return { ...whole, result: { resultType: 'input_required', inputRequests } }
  }
  if (!mayOpenUrls(open, client)) return answer
  // MCP 2025-11-25: the client opens the address before it tries again.
  const data = { elicitations: [{ ...params, elicitationId }] }
  return { ...whole, error: { code: -32_042, message, data } }
}

const consentKey = 'consent'

function capabilitiesIn(request: Request): unknown {
  const { _meta: meta } = paramsOf(request)
  return isRecord(meta) ? meta['io.modelcontextprotocol/clientCapabilities'] : undefined
}

function opensUrls(capabilities: unknown): boolean {
  const elicitation = isRecord(capabilities) ? capabilities['elicitation'] : undefined
  return isRecord(elicitation) && isRecord(elicitation['url'])
}

/** The user was asked already, and did not want to. */
function hasRefused(request: Request): boolean {
  const { inputResponses } = paramsOf(request)
  const given = isRecord(inputResponses) ? inputResponses[consentKey] : undefined
  return isRecord(given) && given['action'] !== 'accept'
}

// A server that is made for each request has not heard the client introduce itself.
function mayOpenUrls({ extra }: TargetedRequest, { capabilities }: KnownClient): boolean {
  if (capabilities !== undefined) return opensUrls(capabilities)
  const name = 'mcp-protocol-version'
  const version = extra?.requestInfo?.headers[name] ?? extra?.request?.headers.get(name)
  return typeof version === 'string' && version >= '2025-11-25'
}
