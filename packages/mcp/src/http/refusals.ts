import {
  type Authenticator,
  createRefusal,
  isIdentityError,
  type Refusal,
  type RefusalContext,
} from '@onbehalf/core'
import { type AuthInfo, identityOfAuthInfo } from '@onbehalf/core/auth-info'

// A 503 does not mention metadata or scopes.
const nothing: RefusalContext = {
  resourceMetadataUrl: '',
  metadata: { resource: '', bearer_methods_supported: ['header'] },
}

/**
 * The HTTP answer to a caller who did nothing wrong: 503. Anything but an `IdentityError` is a defect:
 * it is thrown on, for the operator to see.
 */
export function createFault(thrown: unknown): Refusal {
  if (!isIdentityError(thrown)) throw thrown
  return createRefusal(thrown, nothing)
}

/** What a refusal says about this server: of its authenticator, or of the caller's `AuthInfo`. */
export function refusalContext(
  authenticator: Authenticator<unknown> | undefined,
  authInfo: unknown,
): RefusalContext | undefined {
  if (authenticator !== undefined) return authenticator
  if (identityOfAuthInfo(authInfo) === undefined) return undefined
  const { resource, resourceMetadataUrl } = authInfo as AuthInfo
  return {
    resourceMetadataUrl,
    metadata: { resource: resource.href, bearer_methods_supported: ['header'] },
  }
}

export function toResponse({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers })
}
