import type { Actor, Claims, Organization } from '../identity.ts'

/** A token that passed every rule of its issuer, reduced to what an identity is made of. */
export interface VerifiedToken<C = Claims> {
  readonly kind: 'user' | 'service'
  readonly issuer: string
  readonly subject: string
  readonly client: string | undefined
  readonly organization: Organization | undefined
  readonly organizations: readonly Organization[]
  /** Whether the token names organizations in a way that is not understood. */
  readonly organizationsUnread?: boolean
  readonly actor: Actor | undefined
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly expiresAt: number
  /** Whether its audience is the very resource that the request is for, of a server with several. */
  readonly isIssuedForResource?: boolean
  readonly tokenId: string | undefined
  /** SHA-256 of a credential without an id, base64url. */
  readonly tokenHash?: string | undefined
  /** Every verified claim: for comparing, never for deciding who the caller is. */
  readonly verified: Claims
  /** The verified claims without an address that the issuer does not vouch for. */
  readonly exposed: Claims
  /** What the issuer's schema made of them. */
  readonly claims: C
}
