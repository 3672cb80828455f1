import type { AuthenticatorEvent, Context } from '../context.ts'
import { IdentityError } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { asText, isEmpty, none } from '../internal/values.ts'
import type { RefusalReason } from '../reasons.ts'
import { memberOf } from '../token/json-object.ts'
import {
  asNames,
  asOrganizations,
  asScopes,
  type ClaimReader,
  firstOf,
  readActor,
  readClaim,
} from './claims.ts'
import { type ReadKind, toKind } from './kind.ts'
import type { VerifiedToken } from './verified-token.ts'

/** Which claims of an issuer's tokens hold the facts about the caller. */
export interface ClaimMap {
  /** Default: `sub`. */
  readonly subject?: ClaimReader
  /** The OAuth client. Default: `client_id`, else `azp`; a token in which they differ is refused. */
  readonly client?: ClaimReader
  /** Default: `org_id` (with `org_name`). */
  readonly organization?: ClaimReader
  /** Default: `roles`. */
  readonly roles?: ClaimReader
  /** Default: `scope`, else `scp`; a token in which they differ has none. */
  readonly scopes?: ClaimReader
}

const defaultClaimMap: Required<ClaimMap> = {
  subject: 'sub',
  client: agreeing('client_id', 'azp', 'client_ambiguous'),
  organization: (claims) =>
    isEmpty(claims['org_id']) ? undefined : { id: claims['org_id'], name: claims['org_name'] },
  roles: 'roles',
  scopes: (claims) =>
    isEmpty(claims['scope']) || isEmpty(claims['scp'])
      ? firstOf('scope', 'scp')(claims)
      : bothScopes(claims),
}

function agreeing(
  first: string,
  second: string,
  reason: RefusalReason,
): (claims: Claims) => unknown {
  return (claims) => {
    const [a, b] = [memberOf(claims, first), memberOf(claims, second)]
    if (a !== undefined && b !== undefined && a !== b) throw new IdentityError('TOK', { reason })
    return a ?? b
  }
}

function bothScopes(claims: Claims): unknown {
  const [scope, scp] = [claims['scope'], claims['scp']].map((value) =>
    Array.isArray(value) ? value.join(' ') : value,
  )
  // `false` is not a list of scopes: the operator is notified that it was dropped.
  return scope === scp ? scope : false
}

/**
 * Applies the defaults.
 *
 * @throws TypeError naming the member that is unknown or reads nothing
 */
export function toClaimMap(map: ClaimMap): Required<ClaimMap> {
  assertClaimMap(map, Object.keys(defaultClaimMap))
  return { ...defaultClaimMap, ...map }
}

/**
 * Checks where an option says that facts stand.
 *
 * @throws TypeError naming the member that is unknown or reads nothing
 */
export function assertClaimMap(map: object, members: readonly string[]): void {
  for (const [name, reader] of Object.entries(map)) {
    if (!members.includes(name)) throw new TypeError(`claimMap.${name} is unknown`)
    if (isReader(reader)) continue
    throw new TypeError(`claimMap.${name} must be a claim's name, a path to it or a function`)
  }
}

function isReader(value: unknown): boolean {
  if (typeof value === 'function') return true
  const path: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(path) || path.length === 0) return false
  return path.every((name) => typeof name === 'string' && name !== '')
}

/** What claims say about the caller, before anything else is decided. */
export type CallerFacts = Omit<
  VerifiedToken,
  'issuer' | 'expiresAt' | 'isIssuedForResource' | 'verified' | 'exposed' | 'claims'
>

/**
 * Reads what verified claims say about the caller.
 *
 * @throws IdentityError `TOK` when they name no subject or could be another kind
 */
export function readCallerFacts(
  claims: Claims,
  { claimMap: map, kind }: { readonly claimMap: Required<ClaimMap>; readonly kind: ReadKind },
  context: Context,
): CallerFacts {
  const subject = asText(readClaim(claims, map.subject))
  if (subject === undefined) throw refused('subject')
  const client = readClient(claims, map)
  const orDropped = dropper(context)
  const roles = orDropped('roles', readClaim(claims, map.roles), asNames)
  const organizationClaim = readClaim(claims, map.organization)
  const read = asOrganizations(organizationClaim, roles)
  const organizations = orDropped('organization', organizationClaim, () => read)
  return {
    kind: toKind(claims, [subject, claims['sub']], client, kind),
    subject,
    client,
    roles,
    organizations,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    ...(read === undefined && { organizationsUnread: true }),
    actor: readActor(claims['act']),
    scopes: orDropped('scopes', readClaim(claims, map.scopes), asScopes),
    tokenId: asText(claims['jti']),
  }
}

/** A client that cannot be read could be the subject: a service would pass for a user. */
function readClient(claims: Claims, map: Required<ClaimMap>): string | undefined {
  const client = readClaim(claims, map.client)
  if (client === undefined || typeof client === 'string') return client
  throw refused('client')
}

type Dropped = Extract<AuthenticatorEvent, { type: 'claim_dropped' }>['claim']

/** Reads a list out of a claim. One that is not understood is dropped as a whole and reported. */
export function dropper(context: Context) {
  return <T>(
    claim: Dropped,
    value: unknown,
    read: (value: unknown) => readonly T[] | undefined,
  ): readonly T[] => {
    if (value === undefined) return none
    const list = read(value)
    if (list === undefined) context.report({ type: 'claim_dropped', claim })
    return list === undefined || list.length === 0 ? none : list
  }
}

function refused(reason: RefusalReason): IdentityError {
  return new IdentityError('TOK', { reason })
}
