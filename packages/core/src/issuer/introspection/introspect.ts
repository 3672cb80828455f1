import { IdentityError } from '../../errors.ts'
import type { Claims } from '../../identity.ts'
import { FetchError } from '../../keys/fetch-error.ts'
import { fetchDocument } from '../../keys/fetch-json.ts'
import type { RefusalReason } from '../../reasons.ts'
import { parseJsonObject } from '../../token/json-object.ts'

/** How the introspection endpoint is asked. */
export interface IntrospectionRequest {
  readonly endpoint: URL
  readonly authorization: string
  readonly fetch: typeof fetch
  readonly timeoutSeconds: number
}

/**
 * Asks the authorization server about a token (RFC 7662 section 2.1). This package depends
 * on jose alone, so it makes the request itself, with the limits of time and size that all its requests have.
 *
 * @returns the token's claims, or `undefined` when it is not active
 * @throws IdentityError `DOWN` when there is no usable answer: that is not the token's fault
 */
export async function introspect(
  token: string,
  request: IntrospectionRequest,
): Promise<Claims | undefined> {
  const body = new URLSearchParams({ token, token_type_hint: 'access_token' })
  const answer = parseJsonObject(await post(body, request))
  if (typeof answer?.['active'] !== 'boolean') throw down('introspection_malformed')
  return answer['active'] ? answer : undefined
}

async function post(body: URLSearchParams, request: IntrospectionRequest): Promise<Uint8Array> {
  try {
    return await fetchDocument(request.endpoint, request, {
      method: 'POST',
      body,
      headers: { accept: 'application/json', authorization: request.authorization },
    })
  } catch (cause) {
    throw down(`introspection_${cause instanceof FetchError ? cause.reason : 'failed'}`, cause)
  }
}

function down(reason: RefusalReason, cause?: unknown): IdentityError {
  return new IdentityError('DOWN', { reason, cause, retryAfterSeconds: 5 })
}
