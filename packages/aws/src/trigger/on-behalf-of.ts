import type { Actor, Identity, Organization } from '@onbehalf/core'

/** The actor as RFC 8693 section 4.1 writes it. */
export interface ActClaim {
  readonly sub: string
  readonly iss?: string
  readonly act?: ActClaim
}

/** The person inside a machine token. A server reads it with `enriched`, without a `claimMap`. */
export interface OnBehalfOf {
  readonly sub: string
  /** `sub` of the person's token, where another claim is the subject: logout tokens name this one. */
  readonly original_sub?: string
  /** Issuer of the person's token: `sub` is unique under it. */
  readonly iss: string
  /** Where the person acts in. Several, as a list, when the person's token names no current one. */
  readonly organization?: Organization | readonly Organization[]
  readonly roles: readonly string[]
  /** Who acts: the client that vouches, and behind it the actors of the person's token. */
  readonly act: ActClaim
  /** `jti`, `sid` and `iat` of the person's token, so that revoking that token ends this one. */
  readonly jti?: string
  readonly sid?: string
  readonly iat?: number
}

/** Says of a verified person what a server has to know. */
export function toOnBehalfOf(person: Identity, client: string): OnBehalfOf {
  const { subject, issuer, roles, actor, tokenId } = person
  const { sub, sid, iat } = person.claims
  const organization = organizationOf(person)
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

function organizationOf(person: Identity): OnBehalfOf['organization'] {
  const { organization, organizations } = person
  return organization ?? (organizations.length > 0 ? organizations : undefined)
}

function toAct({ subject, issuer, actor }: Actor): ActClaim {
  return {
    sub: subject,
    ...(issuer !== undefined && { iss: issuer }),
    ...(actor && { act: toAct(actor) }),
  }
}
