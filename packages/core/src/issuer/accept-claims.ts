import type { Context } from '../context.ts'
import type { Credential } from '../credentials/credentials.ts'
import { IdentityError, type RefusalDetail } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { isEmpty } from '../internal/values.ts'
import type { RefusalReason } from '../reasons.ts'
import { checkValidity, memberOf, readTime } from '../token/json-object.ts'
import type { Period } from '../verdicts/conditions.ts'
import { readCallerFacts } from './caller-facts.ts'
import { applySchema } from './claims.ts'
import type { ClaimRules } from './issuer-rules.ts'
import type { VerifiedToken } from './verified-token.ts'

/**
 * Checks what claims alone can show, signed or not: the kind of token, its times, its
 * audience.
 *
 * @returns seconds since 1970 at which the token expires
 * @throws IdentityError `TOK`
 */
export function checkClaims(
  claims: Claims,
  rules: ClaimRules<unknown>,
  context: Pick<Context, 'now' | 'audiencesAt'>,
): number {
  checkKind(claims, rules)
  checkIds(claims)
  const expiresAt = checkTimes(claims, rules, context.now)
  checkAudience(claims, rules.audiences, context)
  checkRequired(claims, rules.requiredClaims)
  return expiresAt
}

/** Claims whose origin is proven, and the credential they came with. */
export interface ProvenClaims {
  readonly claims: Claims
  readonly issuer: string
  readonly expiresAt: number
  readonly credential: Credential
}

/**
 * Turns proven claims into a verified token: who the caller is, whether its client may call, that it
 * holds the key the token is bound to, that nobody revoked it, and the user's schema.
 *
 * @throws IdentityError `TOK`, `SCOPE`, `DOWN`
 */
export async function acceptClaims<C>(
  proven: ProvenClaims,
  rules: ClaimRules<C>,
  context: Context,
): Promise<VerifiedToken<C>> {
  const { claims: verified, issuer, expiresAt, credential } = proven
  // What decides sees no more than handlers do: an address that nobody verified decides nothing.
  const exposed = exposeClaims(verified, rules, context)
  const facts = readCallerFacts(exposed, rules, context)
  const { subject, client } = facts
  checkClient(client, rules.clients)
  // Keycloak says so in a claim: a token that is called bound has to say to what.
  if (verified['typ'] === 'DPoP' && isEmpty(verified['cnf']))
    throw refused('sender_constrained', { claim: 'cnf' })
  // Waiting for what is settled already would cost more than all the rest.
  const confirmed = context.confirm(verified['cnf'], { issuer, subject, client }, credential)
  if (confirmed !== undefined) await confirmed
  const checked = context.checkRevoked({ issuer, subject, claims: verified })
  if (checked !== undefined) await checked
  checkScopes(facts.scopes, rules.scopes)
  const made = applySchema(exposed, rules.schema, context)
  const claims = made instanceof Promise ? await made : made
  const hash = facts.tokenId === undefined ? credential.hash() : undefined
  const tokenHash = hash instanceof Promise ? await hash : hash
  const isIssuedForResource = isIssuedFor(verified, context, rules.audiences)
  return Object.assign(facts, {
    issuer,
    expiresAt,
    tokenHash,
    verified,
    exposed,
    claims,
    ...(isIssuedForResource && { isIssuedForResource }),
  })
}

/** Claims as a handler may see them. A removed address is reported to the operator. */
export function exposeClaims(
  claims: Claims,
  { vouchesForEmail }: Pick<ClaimRules<unknown>, 'vouchesForEmail'>,
  context: Pick<Context, 'report'>,
): Claims {
  const exposed = exposedClaims(claims, vouchesForEmail)
  const wasThere = claims['email'] !== null && claims['email'] !== ''
  if (exposed !== claims && wasThere) context.report({ type: 'claim_dropped', claim: 'email' })
  return exposed
}

/**
 * Claims as a handler may see them: an e-mail address only when its issuer verified it. Cognito says
 * so in text. An issuer that vouches for its addresses need not say so.
 */
function exposedClaims(claims: Claims, isVouchedFor = false): Claims {
  const { email, email_verified: verified } = claims
  const isSilent = verified === undefined || verified === null || verified === ''
  const isVerified = verified === true || verified === 'true' || (isVouchedFor && isSilent)
  if (!('email' in claims) || (typeof email === 'string' && isVerified)) return claims
  const copy = Object.assign(Object.create(null) as Record<string, unknown>, claims)
  delete copy['email']
  return copy
}

/** Claims that mark a token as something else than an access token (RFC 9700, OpenID Connect). The
 * first of them is also in access tokens of some issuers. */
const foreignMarkers = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

/** What Cognito and Ory Hydra write for an access token. */
const accessUses: readonly string[] = ['access', 'access_token']

function markersOf({ acceptIdTokens, acceptNonce }: ClaimRules<unknown>): readonly string[] {
  if (acceptIdTokens) return ['events']
  return acceptNonce ? foreignMarkers.slice(1) : foreignMarkers
}

function checkKind(claims: Claims, rules: ClaimRules<unknown>): void {
  const marker = markersOf(rules).find((name) => !isEmpty(claims[name]))
  if (marker !== undefined) throw refused('token_type', { claim: marker })
  const use = memberOf(claims, 'token_use')
  if (use !== undefined && !accessUses.includes(use as string)) {
    throw refused('token_type', { claim: 'token_use', expected: accessUses })
  }
}

/** What revocations are compared with. RFC 7519 and OpenID Connect make each of them a text. */
const ids: ReadonlyMap<string, RefusalReason> = new Map([
  ['jti', 'bad_jti'],
  ['sid', 'bad_sid'],
  ['sub', 'subject'],
  ['original_sub', 'subject'],
])

/** An id that is passed over could not be revoked. */
function checkIds(claims: Claims): void {
  for (const [claim, reason] of ids) {
    const id = claims[claim]
    if (!isEmpty(id) && typeof id !== 'string') throw refused(reason, { claim })
  }
}

function checkTimes(claims: Claims, rules: ClaimRules<unknown>, now: number): number {
  const { skewSeconds } = rules
  const expiresAt = readTime(claims, 'exp')
  if (expiresAt === undefined) throw refused('exp_missing', { claim: 'exp' })
  checkValidity(claims, { now, skewSeconds })
  const longest = rules.maxLifetimeSeconds + skewSeconds
  const tooLong = { claim: 'exp', expected: [rules.maxLifetimeSeconds] }
  if (expiresAt > now + longest) throw refused('lifetime', tooLong)
  const issuedAt = readTime(claims, 'iat')
  if (issuedAt === undefined && rules.longestLifeSeconds === undefined) {
    throw refused('iat_missing', { claim: 'iat' })
  }
  // Else it would become acceptable shortly before its end, when its revocation was forgotten.
  if (issuedAt !== undefined && expiresAt > issuedAt + longest + skewSeconds) {
    throw refused('lifetime', tooLong)
  }
  if (issuedAt !== undefined && (issuedAt - skewSeconds > now || issuedAt > expiresAt)) {
    throw refused('bad_iat', { claim: 'iat' })
  }
  return expiresAt
}

/** When {@link checkClaims} lets claims pass that it has let pass once: the same rules, as a period. */
export function validityPeriod(claims: Claims, rules: ClaimRules<unknown>): Period {
  const { skewSeconds, maxLifetimeSeconds } = rules
  const expiresAt = readTime(claims, 'exp') ?? Number.NaN
  return {
    from: Math.max(
      (readTime(claims, 'nbf') ?? Number.NEGATIVE_INFINITY) - skewSeconds,
      (readTime(claims, 'iat') ?? Number.NEGATIVE_INFINITY) - skewSeconds,
      expiresAt - maxLifetimeSeconds - skewSeconds,
    ),
    until: expiresAt + skewSeconds,
  }
}

function checkAudience(
  claims: Claims,
  stated: readonly string[] | undefined,
  context: Pick<Context, 'audiencesAt'>,
): void {
  if (stated === undefined) return
  const audiences = context.audiencesAt?.(stated) ?? stated
  const named = [claims['aud']].flat().filter((value) => !isEmpty(value))
  const failure = { claim: 'aud', expected: audiences }
  if (named.length === 0) throw refused('audience_missing', failure)
  if (!named.every((value) => typeof value === 'string')) throw refused('audience', failure)
  if (!named.some((value) => audiences.includes(value))) throw refused('audience', failure)
}

/** Whether the issuer's rules and the token's audience both name the resource that the request is for. */
function isIssuedFor(
  claims: Claims,
  context: Context,
  stated: readonly string[] | undefined,
): boolean {
  const { resource } = context
  if (resource === undefined || stated === undefined) return false
  const isNamed = [claims['aud']].flat().includes(resource.id)
  return isNamed && context.audiencesAt?.(stated).includes(resource.id) === true
}

function checkRequired(
  claims: Claims,
  required: ReadonlyMap<string, readonly (string | boolean)[]>,
): void {
  for (const [name, values] of required) {
    if (values.includes(claims[name] as string | boolean)) continue
    throw refused('required_claim', { claim: name, expected: values })
  }
}

function checkClient(client: string | undefined, clients: readonly string[] | undefined): void {
  if (clients === undefined) return
  if (client === undefined || !clients.includes(client)) {
    throw refused('client', { expected: clients })
  }
}

function checkScopes(granted: readonly string[], required: readonly string[]): void {
  if (required.every((name) => granted.includes(name))) return
  const failure = { expected: required }
  throw new IdentityError('SCOPE', { reason: 'scope_missing', scopes: required, failure })
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
