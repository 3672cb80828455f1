import type { Actor, Identity, Organization } from '@onbehalf/core'

/** The actor as RFC 8693 section 4.1 writes it. */
export interface ActClaim {
  readonly sub: string
  readonly iss?: string
  readonly act?: ActClaim
}

/** The user inside a machine token. A server reads it with `enriched`, without a `claimMap`. */
export interface OnBehalfOf {
  readonly sub: string
  /** `sub` of the user's token, if another claim is the subject: logout tokens name this one. */
  readonly original_sub?: string
  /** Issuer of the user's token: `sub` is unique under it. */
  readonly iss: string
  /** Where the user acts. Several, as a list, if the user's token names no current one. */
  readonly organization?: Organization | readonly Organization[]
  readonly roles: readonly string[]
  /** Who acts: the client that vouches, and behind it the actors of the user's token. */
  readonly act: ActClaim
  /** `jti`, `sid` and `iat` of the user's token, so that revoking that token ends this one. */
  readonly jti?: string
  readonly sid?: string
  readonly iat?: number
}

/** Says about a verified user what a server has to know. */
export function toOnBehalfOf(user: Identity, client: string): OnBehalfOf {
  const { subject, issuer, roles, actor, tokenId } = user
  const { sub, sid, iat } = user.claims
  const organization = organizationOf(user)
  return {
    sub: subject,
    ...(typeof sub === 'string' && sub !== subject && { original_sub: sub }),
    iss: issuer,
    ...(organization !== undefined && { organization }),
    roles,
    act: { sub: client, ...(actor && { act: toAct(actor) }) },
    ...(tokenId !== undefined && { jti: tokenId }),
    ...(typeof sid === 'string' && { sid }),
    ...(typeof iat === 'number' && { iat }),
  }
}

function organizationOf(user: Identity): OnBehalfOf['organization'] {
  const { organization, organizations } = user
  return organization ?? (organizations.length > 0 ? organizations : undefined)
}

function toAct({ subject, issuer, actor }: Actor): ActClaim {
  return {
    sub: subject,
    ...(issuer !== undefined && { iss: issuer }),
    ...(actor && { act: toAct(actor) }),
  }
}
