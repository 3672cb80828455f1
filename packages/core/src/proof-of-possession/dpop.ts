import { calculateJwkThumbprint, type JWK } from 'jose'
import type { TokenHolder } from '../context.ts'
import { IdentityError, isIdentityError } from '../errors.ts'
import { textDigest } from '../internal/digest.ts'
import { assertOptions } from '../internal/options.ts'
import { parseKeySet } from '../keys/key-set.ts'
import type { ProofFault } from '../reasons.ts'
import { guardedStore } from '../stores/guarded-store.ts'
import type { Store } from '../stores/store.ts'
import { type Algorithm, toAlgorithms } from '../token/algorithm.ts'
import { checkValidity, readTime } from '../token/json-object.ts'
import { type ParsedProof, parseProof } from '../token/parse-token.ts'
import { verifySignature } from '../token/verify-signature.ts'
import type { Confirmation, ConfirmationInput } from './confirmation.ts'
import type { Nonces } from './nonces.ts'
import { expectedTarget, normalizeTarget } from './target-uri.ts'

export interface DpopOptions {
  /** Remembers proofs that were used; share it between processes that serve the same resource. */
  readonly store: Store
  /** Seconds for which a proof is accepted after its `iat`, 1 to 600. Default 60. */
  readonly maxAgeSeconds?: number
  /**
   * Seconds by which the clock of a client may be ahead of this one's, 0 to 300. Default 30, as for
   * tokens; the DPoP draft of MCP asks for 300, with `maxAgeSeconds: 300`.
   */
  readonly clockSkewSeconds?: number
  /** Default: `['ES256']`. */
  readonly algorithms?: readonly Algorithm[]
  /** Makes clients prove that their proof is fresh by a server-provided value. Default: none. */
  readonly nonces?: Nonces
  /** Refuses every token in `Authorization` that is not bound by DPoP. Default: `false`. */
  readonly required?: boolean
}

const maxTokenIdLength = 256

interface Rules {
  readonly store: Store
  readonly maxAgeSeconds: number
  readonly skewSeconds: number
  readonly algorithms: readonly Algorithm[]
  readonly nonces: Nonces | undefined
}

/**
 * Accepts tokens that are bound to a client's key by DPoP (RFC 9449): `Authorization: DPoP` with a
 * separate proof for each request. Scheme and host of the proof's target have to be those of the
 * server's `resource`; the host that the request names is not asked.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function dpop(options: DpopOptions): Confirmation {
  const rules = toRules(options)
  assertOptions('dpop', options, {
    store: true,
    maxAgeSeconds: true,
    clockSkewSeconds: true,
    algorithms: true,
    nonces: true,
    required: true,
  })
  const required = options.required === true
  return Object.freeze<Confirmation>({
    member: 'jkt',
    headers: ['dpop'],
    required,
    metadata: {
      dpop_signing_alg_values_supported: rules.algorithms,
      ...(required && { dpop_bound_access_tokens_required: true }),
    },
    async confirm(thumbprint, input) {
      const proof = await verifyProof(thumbprint, input, rules).catch(asProofError)
      await checkNonce(proof, rules.nonces, input.context.now)
      // Last: only a proof that is good in itself is worth remembering.
      await checkReplay(proof, String(thumbprint), { rules, holder: input.holder }).catch(
        asProofError,
      )
    },
  })
}

function toRules(options: DpopOptions): Rules {
  const { maxAgeSeconds = 60, clockSkewSeconds = 30, algorithms = ['ES256'] } = options
  const { nonces, store } = options
  if (typeof store?.add !== 'function') throw new TypeError('store is required')
  if (!(maxAgeSeconds >= 1 && maxAgeSeconds <= 600)) {
    throw new TypeError('maxAgeSeconds must be from 1 to 600')
  }
  if (!(clockSkewSeconds >= 0 && clockSkewSeconds <= 300)) {
    throw new TypeError('clockSkewSeconds must be from 0 to 300')
  }
  return {
    store: guardedStore(store),
    algorithms: toAlgorithms(algorithms),
    maxAgeSeconds,
    skewSeconds: clockSkewSeconds,
    nonces,
  }
}

/** RFC 9449 section 4.3, cheap checks first. */
async function verifyProof(
  thumbprint: unknown,
  input: ConfirmationInput,
  rules: Rules,
): Promise<ParsedProof> {
  const proof = readProof(input, rules.algorithms)
  checkTarget(proof, input)
  checkAge(proof, input.context.now, rules)
  if (!isTokenId(proof.claims['jti'])) throw refused('jti')
  if (proof.claims['ath'] !== (await input.credential.hash())) throw refused('ath')
  if ((await thumbprintOf(proof)) !== thumbprint) throw refused('key')
  return proof
}

function readProof(input: ConfirmationInput, algorithms: readonly Algorithm[]): ParsedProof {
  const header = input.credentials.value('dpop')
  if (header === undefined) throw refused('missing')
  const proof = parseProof(header)
  if (proof.type !== 'dpop+jwt') throw refused('type')
  if (!algorithms.includes(proof.algorithm)) throw refused('algorithm')
  return proof
}

function checkTarget({ claims }: ParsedProof, { request, resource }: ConfirmationInput): void {
  if (typeof request.method !== 'string' || claims['htm'] !== request.method) throw refused('htm')
  if (normalizeTarget(claims['htu']) !== expectedTarget(resource, request.url)) throw refused('htu')
}

function checkAge(
  { claims }: ParsedProof,
  now: number,
  { maxAgeSeconds, skewSeconds }: Rules,
): void {
  const issuedAt = readTime(claims, 'iat')
  if (issuedAt === undefined) throw refused('iat')
  if (issuedAt > now + skewSeconds || issuedAt < now - maxAgeSeconds) throw refused('iat')
  // A proof needs neither `exp` nor `nbf`; one that has them limits itself.
  checkValidity(claims, { now, skewSeconds })
}

function isTokenId(id: unknown): boolean {
  return typeof id === 'string' && id !== '' && id.length <= maxTokenIdLength
}

/** The key that the proof brings along must have signed it, and must be a sound public key. */
async function thumbprintOf(proof: ParsedProof): Promise<string> {
  const set = await parseKeySet({ keys: [proof.jwk] })
  const key = set && (await verifySignature(proof, set.keys))
  if (key === undefined) throw refused('signature')
  return calculateJwkThumbprint(proof.jwk as unknown as JWK)
}

/** RFC 9449 section 9. */
async function checkNonce(
  proof: ParsedProof,
  nonces: Nonces | undefined,
  now: number,
): Promise<void> {
  if (nonces === undefined || (await nonces.accepts(proof.claims['nonce'], now))) return
  const dpopNonce = await nonces.create(now)
  throw new IdentityError('TOK', { reason: 'dpop_nonce', dpopError: 'use_dpop_nonce', dpopNonce })
}

/** RFC 9449 section 11.1. */
async function checkReplay(
  proof: ParsedProof,
  thumbprint: string,
  { rules, holder }: { readonly rules: Rules; readonly holder: TokenHolder },
): Promise<void> {
  const key = `dpop:${await textDigest(JSON.stringify([thumbprint, proof.claims['jti']]))}`
  const seconds = rules.maxAgeSeconds + 2 * rules.skewSeconds
  const fresh = await rules.store.add(key, '', seconds, ownersOf(holder))
  if (!fresh) throw refused('replayed')
}

/** A client that floods leaves room to others of its subject, and a subject to other subjects. */
function ownersOf({ issuer, subject, client }: TokenHolder): readonly string[] {
  const owner = [issuer, subject]
  return [JSON.stringify(owner), JSON.stringify([...owner, client ?? null])]
}

function refused(part: ProofFault): IdentityError {
  return new IdentityError('TOK', { reason: `dpop_${part}`, dpopError: 'invalid_dpop_proof' })
}

/** Everything that is wrong with a proof is one kind of refusal. */
function asProofError(error: unknown): never {
  if (!isIdentityError(error) || error.code !== 'TOK' || error.dpopError !== undefined) throw error
  throw refused(isProofFault(error.reason) ? error.reason : 'malformed_segments')
}

/** What a proof has in common with a token: its form, and its times. */
function isProofFault(reason: string): reason is ProofFault {
  return /^(?:malformed_|bad_|expired$|not_yet_valid$)/.test(reason)
}
