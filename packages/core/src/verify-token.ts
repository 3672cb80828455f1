import {
  applySchema,
  asNames,
  asOrganizations,
  asScopes,
  asText,
  type ClaimReader,
  exposedClaims,
  readActor,
  readClaim,
} from './claims.ts'
import type { Context } from './context.ts'
import { IdentityError } from './errors.ts'
import type { Actor, Claims, Organization } from './identity.ts'
import type { IssuerRules } from './issuer-rules.ts'
import type { VerificationKey } from './keys/key-set.ts'
import { checkValidity, readTime } from './token/check-validity.ts'
import type { ParsedToken } from './token/parse-token.ts'
import { verifySignature } from './token/verify-signature.ts'

/** A token that passed every rule of its issuer, reduced to what an identity is made of. */
export interface VerifiedToken<C = Claims> {
  readonly kind: 'user' | 'service'
  readonly issuer: string
  readonly subject: string
  readonly client: string | undefined
  readonly organization: Organization | undefined
  readonly organizations: readonly Organization[]
  readonly actor: Actor | undefined
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly expiresAt: number
  readonly tokenId: string | undefined
  /** Every verified claim. */
  readonly verified: Claims
  /** What the issuer's schema made of them. */
  readonly claims: C
}

/**
 * Verifies a token: cheap checks, key, signature, then what the claims say about the caller.
 *
 * @throws IdentityError `TOK`, `SCOPE`, `DOWN`
 */
export async function verifyToken<C>(
  token: ParsedToken,
  rules: IssuerRules<C>,
  context: Context,
): Promise<VerifiedToken<C>> {
  // Before any key is looked up: a flood of tokens that are wrong anyway causes no fetch.
  const issuer = checkIssuer(token, rules)
  checkHeader(token, rules)
  checkKind(token.claims)
  const expiresAt = checkTimes(token.claims, rules, context.now)
  checkAudience(token.claims, rules.audiences)
  checkRequired(token.claims, rules.requiredClaims)

  const { algorithm, keyId } = token
  const candidates = await rules.keys.find({ algorithm, keyId, issuer }, (event) =>
    context.report({ ...event, issuer }),
  )
  if (candidates.length === 0) throw refused('key_unknown')
  const key = await verifySignature(token, candidates)
  if (key === undefined) throw refused('signature')
  checkKeyIssuer(key, token.claims, issuer)

  const facts = readFacts(token.claims, rules, context)
  checkClient(facts.client, rules.clients)
  checkScopes(facts.scopes, rules.scopes)
  const claims = await applySchema(exposedClaims(token.claims), rules.schema)
  return { ...facts, issuer, expiresAt, verified: token.claims, claims }
}

function checkIssuer(token: ParsedToken, rules: IssuerRules<unknown>): string {
  const issuer = token.claims['iss']
  if (typeof issuer !== 'string' || !rules.issuers.includes(issuer)) throw refused('issuer')
  return issuer
}

function checkHeader(token: ParsedToken, rules: IssuerRules<unknown>): void {
  if (!rules.algorithms.includes(token.algorithm)) throw refused('algorithm')
  if (rules.keyIdRequired && token.keyId === undefined) throw refused('key_id_missing')
  const { type } = token
  const accepted =
    type === 'at+jwt' ||
    (rules.tokenType === 'compatible' && (type === undefined || type === 'jwt'))
  if (!accepted) throw refused('token_type')
}

/** Claims that mark a token as something else than an access token (RFC 9700, OpenID Connect). */
const foreignMarkers = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

function checkKind(claims: Claims): void {
  if (foreignMarkers.some((name) => name in claims)) throw refused('token_type')
  if ('token_use' in claims && claims['token_use'] !== 'access') throw refused('token_type')
  // A sender-constrained token without its proof is somebody else's (RFC 8705, RFC 9449).
  if ('cnf' in claims) throw refused('sender_constrained')
}

function checkTimes(claims: Claims, rules: IssuerRules<unknown>, now: number): number {
  const { skewSeconds } = rules
  const expiresAt = readTime(claims, 'exp')
  if (expiresAt === undefined) throw refused('exp_missing')
  checkValidity(claims, { now, skewSeconds })
  if (expiresAt > now + rules.maxLifetimeSeconds + skewSeconds) throw refused('lifetime')
  const issuedAt = readTime(claims, 'iat')
  if (issuedAt !== undefined && (issuedAt - skewSeconds > now || issuedAt > expiresAt)) {
    throw refused('bad_iat')
  }
  return expiresAt
}

function checkAudience(claims: Claims, audiences: readonly string[] | undefined): void {
  if (audiences === undefined) return
  const named = typeof claims['aud'] === 'string' ? [claims['aud']] : claims['aud']
  if (!Array.isArray(named) || !named.every((value) => typeof value === 'string')) {
    throw refused('audience')
  }
  if (!named.some((value) => audiences.includes(value))) throw refused('audience')
}

function checkRequired(claims: Claims, required: ReadonlyMap<string, string>): void {
  for (const [name, value] of required) if (claims[name] !== value) throw refused('required_claim')
}

const tenantOf = /^https:\/\/[^/]+\/([^/]+)/

/** Multi-tenant key sets (Entra) tell which tenant a key is for; a template fits every tenant. */
function checkKeyIssuer(key: VerificationKey, claims: Claims, issuer: string): void {
  if (key.issuer === undefined || key.issuer === issuer) return
  const tenant = tenantOf.exec(key.issuer)?.[1]
  if (tenant !== '{tenantid}' && tenant !== claims['tid']) throw refused('key_issuer')
}

type Facts = Omit<VerifiedToken, 'issuer' | 'expiresAt' | 'verified' | 'claims'>

function readFacts(claims: Claims, rules: IssuerRules<unknown>, context: Context): Facts {
  const map = rules.claimMap
  const subject = asText(readClaim(claims, map.subject))
  if (subject === undefined) throw refused('subject')
  const client = asText(readClaim(claims, map.client))
  const roles = orDropped(asNames, readClaim(claims, map.roles), 'roles', context)
  const organizations = readOrganizations(claims, map.organization, roles)
  return {
    kind: readKind(map.kind(claims), subject, client),
    subject,
    client,
    roles,
    organizations,
    organization: organizations.length === 1 ? organizations[0] : undefined,
    actor: readActor(claims['act']),
    scopes: orDropped(asScopes, readClaim(claims, map.scopes), 'scopes', context),
    tokenId: asText(claims['jti']),
  }
}

function readKind(kind: unknown, subject: string, client: string | undefined): 'user' | 'service' {
  if (subject === client) return 'service'
  if (kind === 'user' || kind === 'service') return kind
  throw refused('token_type')
}

function orDropped(
  convert: (value: unknown) => readonly string[] | undefined,
  value: unknown,
  claim: 'roles' | 'scopes',
  context: Context,
): readonly string[] {
  if (value === undefined) return []
  const names = convert(value)
  if (names === undefined) context.report({ type: 'claim_dropped', claim })
  return names ?? []
}

/** In a token for one organization, its roles are roles in that organization. */
export function readOrganizations(
  claims: Claims,
  reader: ClaimReader,
  roles: readonly string[],
): readonly Organization[] {
  const listed = asOrganizations(readClaim(claims, reader))
  const [only] = listed
  if (only === undefined || listed.length > 1 || only.roles.length > 0) return listed
  return [{ ...only, roles }]
}

function checkClient(client: string | undefined, clients: readonly string[] | undefined): void {
  if (clients === undefined) return
  if (client === undefined || !clients.includes(client)) throw refused('client')
}

function checkScopes(granted: readonly string[], required: readonly string[]): void {
  if (required.every((name) => granted.includes(name))) return
  throw new IdentityError('SCOPE', { reason: 'scope_missing', scopes: required })
}

function refused(reason: string): IdentityError {
  return new IdentityError('TOK', { reason })
}
