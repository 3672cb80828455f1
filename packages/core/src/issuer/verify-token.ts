import type { Context } from '../context.ts'
import type { Credential } from '../credentials/credentials.ts'
import { IdentityError, type RefusalDetail } from '../errors.ts'
import type { Claims } from '../identity.ts'
import { isEmpty } from '../internal/values.ts'
import type { RefusalReason } from '../reasons.ts'
import type { ParsedToken } from '../token/parse-token.ts'
import { type VerificationKey, verifySignature } from '../token/verify-signature.ts'
import { conditionsOf } from '../verdicts/conditions.ts'
import { acceptClaims, checkClaims, validityPeriod } from './accept-claims.ts'
import type { IssuerRules, SignatureRules } from './issuer-rules.ts'
import type { VerifiedToken } from './verified-token.ts'

/**
 * Verifies an access token: cheap checks, key, signature, then what the claims say about the caller.
 *
 * @throws IdentityError `TOK`, `SCOPE`, `DOWN`
 */
export async function verifyToken<C>(
  credential: Credential,
  rules: IssuerRules<C>,
  context: Context,
): Promise<VerifiedToken<C>> {
  const { token } = credential
  if (token === undefined) throw refused('opaque_token')
  if (credential.text.length > rules.maxTokenBytes)
    throw refused('malformed_size', { expected: [rules.maxTokenBytes] })
  if (token.hasKeyHeader && !rules.ignoresKeyHeaders) throw refused('malformed_header_member')
  // Before any key is looked up: a flood of tokens that are wrong anyway causes no fetch.
  const issuer = checkIssuer(token, rules)
  checkType(token, rules)
  const expiresAt = checkClaims(token.claims, rules, context)
  conditionsOf(context)?.within(validityPeriod(token.claims, rules))
  await checkSignature(token, rules, context)
  // One name for one issuer: a revocation under any of its names covers tokens under all of them.
  const [name = issuer] = rules.issuers
  const proven = { claims: token.claims, issuer: name, expiresAt, credential }
  const verified = await acceptClaims(proven, rules, context)
  const mayBeIdToken = rules.acceptIdTokens || token.type === 'at+jwt'
  if (!mayBeIdToken && isIdToken(verified)) throw refused('token_type')
  return verified
}

/**
 * Checks that an issuer signed a token: exact `iss`, an allowed algorithm, a key of the issuer that
 * is bound to it.
 *
 * Does NOT look at any other claim, nor at the type of the token.
 *
 * @returns the exact `iss`
 * @throws IdentityError `TOK`, `DOWN`
 */
export async function checkSignature(
  token: ParsedToken,
  rules: SignatureRules,
  context: Context,
): Promise<string> {
  const issuer = checkIssuer(token, rules)
  const { algorithm, keyId } = token
  if (!rules.algorithms.includes(algorithm))
    throw refused('algorithm', { expected: rules.algorithms })
  if (rules.keyIdRequired && keyId === undefined) throw refused('key_id_missing')
  const { keys } = rules
  const finding = keys.find({ algorithm, keyId, issuer, limit: rules.maxKeysTried }, (event) =>
    context.report({ ...event, issuer }),
  )
  const candidates = finding instanceof Promise ? await finding : finding
  if (candidates.length === 0) throw refused('key_unknown')
  const known = rules.signedBy.get(token.claims)
  // As soon as its key is not in the set any more, a known token is verified again.
  const isKnown = known !== undefined && candidates.includes(known)
  const verifying = isKnown ? known : verifySignature(token, candidates)
  const key = verifying instanceof Promise ? await verifying : verifying
  if (key === undefined) throw refused('signature')
  rules.signedBy.set(token.claims, key)
  if (keys.holds === undefined) conditionsOf(context)?.forbid()
  else conditionsOf(context)?.signedBy({ holds: keys.holds, key, issuer })
  checkKeyIssuer(key, token.claims, issuer)
  return issuer
}

function checkIssuer(token: ParsedToken, rules: SignatureRules): string {
  const issuer = token.claims['iss']
  if (typeof issuer !== 'string' || !rules.issuers.includes(issuer)) {
    throw refused('issuer', { claim: 'iss', expected: rules.issuers })
  }
  return issuer
}

function checkType(token: ParsedToken, rules: IssuerRules<unknown>): void {
  const { type } = token
  const compatible = type === undefined || type === 'jwt'
  if (type === 'at+jwt' || (compatible && rules.tokenType === 'compatible')) return
  const expected = rules.tokenType === 'compatible' ? ['at+jwt', 'JWT'] : ['at+jwt']
  throw refused('token_type', { expected })
}

const signInClaims = ['auth_time', 'amr', 'acr'] as const

/**
 * Whether a token says how its user signed in, and nothing about what its client may do: no scope,
 * and no client but its audience. The code flow leaves out every other mark of an ID token.
 */
function isIdToken({ verified, client, scopes }: VerifiedToken<unknown>): boolean {
  if (verified['typ'] === 'ID') return true
  if (scopes.length > 0 || !signInClaims.some((name) => !isEmpty(verified[name]))) return false
  // Cognito and Keycloak say that a token is an access token.
  if (!isEmpty(verified['token_use']) || !isEmpty(verified['typ'])) return false
  return client === undefined || [verified['aud']].flat().every((name) => name === client)
}

const tenantOf = /^https:\/\/[^/]+\/([^/]+)/

/** Multi-tenant key sets (Entra) tell which tenant a key is for; a template fits every tenant. */
function checkKeyIssuer(key: VerificationKey, claims: Claims, issuer: string): void {
  if (key.issuer === undefined || key.issuer === issuer) return
  const tenant = tenantOf.exec(key.issuer)?.[1]
  if (tenant === '{tenantid}') return
  if (tenant === undefined || tenant !== claims['tid']) throw refused('key_issuer')
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
