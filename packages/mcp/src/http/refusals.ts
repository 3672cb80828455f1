import {
  type Authenticator,
  createRefusal,
  isIdentityError,
  type Refusal,
  type RefusalContext,
} from '@onbehalf/core'
import { type AuthInfo, identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { resourceMetadataUrl } from '@onbehalf/core/internal'
import type { MessageExtra } from '../wire/transport.ts'

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

/**
 * What a refusal says about this server: of its authenticator, or of the caller's `AuthInfo`; of several
 * resources, about the one that the request is for.
 */
export function refusalContext(
  authenticator: Authenticator<unknown> | undefined,
  extra: MessageExtra | undefined,
): RefusalContext | undefined {
  const authInfo = extra?.authInfo
  if (authenticator?.resourceOf !== undefined) return contextOf(authenticator, extra)
  if (authenticator !== undefined) return authenticator
  if (identityOfAuthInfo(authInfo) === undefined) return undefined
  const { resource, resourceMetadataUrl: url } = authInfo as AuthInfo
  return {
    resourceMetadataUrl: url,
    metadata: { resource: resource.href, bearer_methods_supported: ['header'] },
  }
}

function contextOf(
  { metadata, scopes, resourceOf }: Authenticator<unknown>,
  extra: MessageExtra | undefined,
): RefusalContext | undefined {
  // A guest has no identity; the path is known of whatever came over HTTP.
  const resource =
    identityOfAuthInfo(extra?.authInfo)?.resource ?? resourceOf?.({ url: urlOf(extra) })
  if (resource === undefined) return undefined
  const { id } = resource
  return {
    scopes,
    metadata: { ...metadata, resource: id },
    resourceMetadataUrl: resourceMetadataUrl(id),
  }
}

function urlOf(extra: MessageExtra | undefined): string | undefined {
  const url = extra?.request?.url ?? extra?.requestInfo?.url
  return url === undefined ? undefined : String(url)
}

export function toResponse({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers })
}
