import {
  asIdentityError,
  type DpopError,
  type IdentityError,
  type IdentityErrorCode,
} from '../errors.ts'
import type { RequestedResource, ResourceOf } from '../resources/resources.ts'
import { type ProtectedResourceMetadata, resourceMetadataUrl } from './metadata.ts'

/** A complete HTTP answer to a refused caller. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON text. */
  readonly body: string
}

/** The facts about this server that a refusal may tell. */
export interface RefusalContext {
  readonly resourceMetadataUrl: string
  /** Present where there are several resources: the refused request says which one it was for. */
  readonly resourceOf?: ResourceOf
  readonly metadata: ProtectedResourceMetadata
  /** Scopes that every token needs. Default: those of the metadata. */
  readonly scopes?: readonly string[]
}

const oauthError: Partial<Record<IdentityErrorCode, string>> = {
  REQ: 'invalid_request',
  TOK: 'invalid_token',
  BIND: 'invalid_token',
  SCOPE: 'insufficient_scope',
}

/**
 * Turns a thrown value into the answer that RFC 6750 section 3, RFC 9728 section 5.1 and the MCP
 * specification ask for.
 *
 * The answer depends on the code alone (for a missing scope, on the scopes that the server itself
 * requires; for a refused DPoP proof, on whether it lacks a nonce): nothing that the caller sent
 * appears in it, whatever the token contained. `x-request-id` is what the operator has as well.
 */
export function createRefusal(thrown: unknown, context: RefusalContext): Refusal {
  const error = asIdentityError(thrown)
  const challenge = createChallenge(error, contextAt(context, error.resource))
  return {
    status: error.status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(challenge !== undefined && { 'www-authenticate': challenge }),
      ...(error.dpopNonce !== undefined && { 'dpop-nonce': quotable(error.dpopNonce) }),
      ...(error.requestId !== undefined && { 'x-request-id': quotable(error.requestId) }),
      ...((error.status === 503 || error.status === 429) && { 'retry-after': retryAfter(error) }),
    },
    body: createBody(error),
  }
}

/** What a refusal may say. Without a URL, where the resource is not known, no metadata is named. */
type AnswerContext = Pick<RefusalContext, 'metadata' | 'scopes'> & {
  readonly resourceMetadataUrl: string | undefined
}

/** The facts about one of several resources; of one that is not known, what all of them have in common. */
function contextAt(
  context: RefusalContext,
  resource: RequestedResource | undefined,
): AnswerContext {
  if (context.resourceOf === undefined) return context
  const { metadata, scopes } = context
  return {
    metadata,
    ...(scopes !== undefined && { scopes }),
    resourceMetadataUrl: resource && resourceMetadataUrl(resource.id),
  }
}

/** The sign-in that a call needs, where the one behind the token is too weak or too old. */
export interface StepUp {
  /** Scopes that the new token needs. */
  readonly scopes: readonly string[]
  /** Authentication contexts that would do. */
  readonly acrValues: readonly string[]
  /** How old the sign-in may be, in seconds. */
  readonly maxAgeSeconds?: number | undefined
}

const weak: Fault = {
  error: 'insufficient_user_authentication',
  description: 'The user has to sign in with a stronger method',
}

/**
 * The answer to a call that needs a stronger or a newer sign-in (RFC 9470 section 3). 403 as for a
 * missing scope: after 401, MCP clients drop the connection of a user whose token is good.
 */
export function createStepUpRefusal(
  { scopes, acrValues, maxAgeSeconds }: StepUp,
  context: RefusalContext,
): Refusal {
  const parameters = [
    ...toParameters(weak, scopes, context),
    ...(acrValues.length === 0 ? [] : [`acr_values="${quotable(acrValues.join(' '))}"`]),
    ...(maxAgeSeconds === undefined ? [] : [`max_age="${maxAgeSeconds}"`]),
  ]
  return {
    status: 403,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'www-authenticate': inSchemes(parameters, context),
    },
    body: faultBody(weak),
  }
}

function createChallenge(error: IdentityError, context: AnswerContext): string | undefined {
  if (error.status !== 401 && error.status !== 403 && error.status !== 400) return undefined
  const always = context.scopes ?? context.metadata.scopes_supported ?? []
  const scopes = error.code === 'SCOPE' ? error.scopes : always
  return inSchemes(toParameters(toFault(error), scopes, context), context, error.dpopError)
}

function toParameters(
  fault: Fault | undefined,
  scopes: readonly string[],
  { resourceMetadataUrl: url }: AnswerContext,
): readonly string[] {
  return [
    // RFC 6750 section 3.1: no error code for a request without credentials.
    ...(fault ? [`error="${fault.error}"`, `error_description="${fault.description}"`] : []),
    ...(scopes.length === 0 ? [] : [`scope="${quotable(scopes.join(' '))}"`]),
    ...(url === undefined ? [] : [`resource_metadata="${quotable(url)}"`]),
  ]
}

/** One challenge for each scheme that this server takes tokens in. */
function inSchemes(
  parameters: readonly string[],
  { metadata }: AnswerContext,
  dpopError?: DpopError,
): string {
  const { dpop_signing_alg_values_supported: algorithms, dpop_bound_access_tokens_required: only } =
    metadata
  const dpop = [...parameters, `algs="${quotable((algorithms ?? []).join(' '))}"`]
  const challenges = [
    // First: clients that know one scheme only read the first challenge.
    ...(only || dpopError !== undefined ? [] : [`Bearer ${parameters.join(', ')}`]),
    // RFC 9449 section 7.1.
    ...(algorithms === undefined ? [] : [`DPoP ${dpop.join(', ')}`]),
  ]
  return challenges.join(', ')
}

interface Fault {
  readonly error: string
  readonly description: string
}

const dpopFaults: Record<DpopError, string> = {
  invalid_dpop_proof: 'The DPoP proof was refused',
  use_dpop_nonce: 'The DPoP proof must carry the nonce of this answer',
}

function toFault({ code, message, dpopError }: IdentityError): Fault | undefined {
  if (dpopError !== undefined) return { error: dpopError, description: dpopFaults[dpopError] }
  const error = oauthError[code]
  return error === undefined ? undefined : { error, description: message }
}

// RFC 6750 section 3 leaves %x21 / %x23-5B / %x5D-7E and the space: nothing to escape, nothing to
// break out of. The texts come from the operator's configuration.
function quotable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '')
}

function retryAfter(error: IdentityError): string {
  return String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1)))
}

function createBody(error: IdentityError): string {
  const fault = toFault(error)
  if (fault) return faultBody(fault)
  // MCP clients read JSON-RPC here; the code lies outside the ranges that JSON-RPC and MCP reserve.
  const rpcError = { code: 31_000 + error.status, message: error.message }
  return JSON.stringify({ jsonrpc: '2.0', id: null, error: rpcError })
}

function faultBody({ error, description }: Fault): string {
  return JSON.stringify({ error, error_description: description })
}
