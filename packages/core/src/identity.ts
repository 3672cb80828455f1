import { deepFreeze } from './internal/values.ts'
import type { RequestedResource } from './resources/resources.ts'

/** The tenant the subject acts in. */
export interface Organization {
  readonly id: string
  readonly name?: string
  /** Roles that the subject holds in this organization. */
  readonly roles: readonly string[]
}

/** The party that acts for the subject now (RFC 8693 section 4.1). */
export interface Actor {
  readonly issuer?: string
  readonly subject: string
  /** The earlier actor in the chain: history, never authority. */
  readonly actor?: Actor
}

/** The gateway that forwarded the subject: the issuer of its credential and its client id. */
export interface Gateway {
  readonly issuer: string
  readonly client: string
}

/** Which kind of source produced an identity. Your own source has its own name. */
export type SourceKind =
  | 'direct'
  | 'forwarded'
  | 'enriched'
  | 'signedHeader'
  | 'plainHeaders'
  | 'apiKeys'
  | (string & {})

/** Claims that were verified with the token; a null-prototype object, deeply frozen. */
export type Claims = Readonly<Record<string, unknown>>

/**
 * On whose behalf a call runs. Deeply frozen; requests with the same credentials may share one. It is
 * for the request that it came with: do not keep it in a session.
 */
export interface Identity<C = Claims> {
  /** `service` when no user is behind the call. */
  readonly kind: 'user' | 'service'
  /** Exact `iss` under which {@link subject} is unique. */
  readonly issuer: string
  readonly subject: string
  /**
   * Key for storage and comparison: issuer **and** subject, so that equal subjects of two issuers
   * never collide.
   */
  readonly principal: string
  /** The organization the subject acts in; absent when none or several are possible. */
  readonly organization?: Organization
  /** Every organization that the credential lists. */
  readonly organizations: readonly Organization[]
  /** Who acts for the subject, outermost `act` first. */
  readonly actor?: Actor
  /** OAuth client that obtained the subject's token. */
  readonly client?: string
  /** The gateway that forwarded the call, if one did. */
  readonly gateway?: Gateway
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly source: SourceKind
  /**
   * Which of the server's resources the request is for, by its path: the organization in it is what the
   * caller asks for, and says nothing about who they are. Absent where the server has one resource.
   */
  readonly resource?: RequestedResource
  /** Seconds since 1970 at which the first of all credentials used expires. */
  readonly expiresAt: number
  /** `jti` of the subject's credential, where it has one. */
  readonly tokenId?: string
  /** SHA-256 of a subject's credential that has no `jti`, base64url: names it in records. */
  readonly tokenHash?: string
  /** Claims of the subject's credential, typed by the issuer's `claims` schema. */
  readonly claims: C
}

type Parts = Omit<Identity<unknown>, 'principal'>

/** What an {@link Identity} is made of, before the derived members are added. */
export type IdentityParts = {
  readonly [K in keyof Parts]: undefined extends Parts[K] ? Parts[K] | undefined : Parts[K]
}

/**
 * Joins issuer and subject into one unambiguous key. A service is marked as one: a client whose id is
 * the subject of a user is not that user (RFC 9700 section 4.15).
 */
export function principalKey(
  issuer: string,
  subject: string,
  kind: Identity['kind'] = 'user',
): string {
  return JSON.stringify(kind === 'user' ? [issuer, subject] : [issuer, subject, kind])
}

// Registered, so that two copies of the package understand each other. No claim can be under it.
const mayList = Symbol.for('onbehalf.gatewayMayList')

/**
 * Whether this is a gateway without a user that its source accepts for listing. It says nothing
 * about expiry.
 */
export function gatewayMayList(identity: object): boolean {
  const { kind, [mayList]: mark } = identity as { kind?: unknown; [mayList]?: unknown }
  return kind === 'service' && mark === true
}

/** Builds the deeply frozen identity that handlers see. What is undefined is left out. */
export function createIdentity<C>(parts: IdentityParts & { readonly claims: C }): Identity<C> {
  return buildIdentity(parts, gatewayMayList(parts))
}

/** The same, and says whether {@link gatewayMayList}: a spread identity has lost that. */
export function buildIdentity<C>(
  parts: IdentityParts & { readonly claims: C },
  marked: boolean,
): Identity<C> {
  const identity: Record<string, unknown> = {}
  for (const name of Object.keys(parts) as (keyof IdentityParts)[]) {
    if (parts[name] !== undefined) identity[name] = parts[name]
  }
  identity['principal'] = principalKey(parts.issuer, parts.subject, parts.kind)
  // Not enumerable: no copy, comparison or record of the identity shows it.
  if (marked) Object.defineProperty(identity, mayList, { value: true })
  // Only now: an object that begins without a prototype takes up twice the memory.
  Object.setPrototypeOf(identity, null)
  return deepFreeze(identity as unknown as Identity<C>)
}

/** The same identity as another object, which is frozen as well. */
export function copyIdentity<C>(identity: Identity<C>): Identity<C> {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(identity))
  return Object.freeze(Object.setPrototypeOf(copy, null)) as Identity<C>
}
