import { buildIdentity, type Gateway, type Identity, type SourceKind } from '../identity.ts'
import { asText } from '../internal/text.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'

/** Where an identity came from, besides the token that names its subject. */
export interface Provenance {
  readonly source: SourceKind
  readonly gateway?: Gateway
  /** Expiry of a further credential that was used, in seconds since 1970. */
  readonly until?: number
  /** Whether it is a gateway without a user, accepted for listing. */
  readonly gatewayMayList?: boolean
}

/** The identity in a verified token. */
export function toIdentity<C>(token: VerifiedToken<C>, provenance: Provenance): Identity<C> {
  const { source, gateway, until = Number.POSITIVE_INFINITY, gatewayMayList = false } = provenance
  if (asText(token.subject) === undefined || asText(token.issuer) === undefined) {
    throw new TypeError('An issuer verified a token that names nobody')
  }
  const parts = {
    kind: token.kind,
    issuer: token.issuer,
    subject: token.subject,
    organizations: token.organizations,
    scopes: token.scopes,
    roles: token.roles,
    source,
    expiresAt: Math.min(token.expiresAt, until),
    claims: token.claims,
    organization: token.organization,
    actor: token.actor,
    client: token.client,
    gateway,
    tokenId: token.tokenId,
    tokenHash: token.tokenHash,
  }
  return buildIdentity<C>(parts, gatewayMayList)
}
