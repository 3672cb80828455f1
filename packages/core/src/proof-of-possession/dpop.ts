import { calculateJwkThumbprint, type JWK } from 'jose'

import { textDigest } from '../digest.ts'
import { IdentityError } from '../errors.ts'
import { parseKeySet } from '../keys/key-set.ts'
import { guardedStore } from '../stores/guarded-store.ts'
import type { Store } from '../stores/store.ts'
import type { Algorithm } from '../token/algorithm.ts'
import { type ParsedProof, parseProof } from '../token/parse-token.ts'
import { verifySignature } from '../token/verify-signature.ts'
import type { Confirmation, ConfirmationInput } from './confirmation.ts'
import type { Nonces } from './nonces.ts'

export interface DpopOptions {
  /** Remembers proofs that were used; share it between processes that serve the same resource. */
  readonly store: Store
  /** Age up to which a proof is accepted, in seconds. Default 60. */
  readonly maxAgeSeconds?: number
  /** Default: `['ES256']`. */
  readonly algorithms?: readonly Algorithm[]
  /** Makes clients prove that their proof is fresh by a server-provided value. Default: none. */
  readonly nonces?: Nonces
}

const skewSeconds = 5
const maxTokenIdLength = 256

/**
 * Accepts tokens that are bound to a client's key by DPoP (RFC 9449): `Authorization: DPoP` with a
 * proof of its own for each request. The proof's target has to be the server's `resource`; the host
 * that the request names is not asked.
 *
 * @throws TypeError when `maxAgeSeconds` is not positive
 */
export function dpop(options: DpopOptions): Confirmation {
  const { maxAgeSeconds = 60, algorithms = ['ES256'], nonces } = options
  if (!(maxAgeSeconds > 0)) throw new TypeError('maxAgeSeconds must be positive')
  const store = guardedStore(options.store)

  async function confirm(thumbprint: unknown, input: ConfirmationInput): Promise<void> {
    const proof = readProof(input, algorithms)
    checkTarget(proof, input)
    checkAge(proof, input.context.now, maxAgeSeconds)
    if (proof.claims['ath'] !== (await textDigest(input.credential.text))) throw bad('ath')
    if ((await thumbprintOf(proof)) !== thumbprint) throw bad('key')
    await checkNonce(proof, nonces, input.context.now)
    // Last: only a proof that is good in itself is worth remembering.
    await checkReplay(proof, String(thumbprint), store, maxAgeSeconds)
  }

  return { member: 'jkt', headers: ['dpop'], confirm }
}

function readProof(input: ConfirmationInput, algorithms: readonly Algorithm[]): ParsedProof {
  const header = input.credentials.value('dpop')
  if (header === undefined) throw bad('missing')
  const proof = parseProof(header)
  if (proof.type !== 'dpop+jwt' || !algorithms.includes(proof.algorithm)) throw bad('header')
  return proof
}

/** RFC 9449 section 4.3: the URI without query and fragment, normalized as RFC 3986 allows. */
function checkTarget({ claims }: ParsedProof, { request, resource }: ConfirmationInput): void {
  if (typeof request.method !== 'string' || claims['htm'] !== request.method) throw bad('htm')
  const target = claims['htu']
  if (typeof target !== 'string' || !URL.canParse(target)) throw bad('htu')
  if (withoutQuery(target) !== withoutQuery(resource)) throw bad('htu')
}

function withoutQuery(text: string): string {
  const { origin, pathname } = new URL(text)
  return origin + pathname
}

function checkAge({ claims }: ParsedProof, now: number, maxAgeSeconds: number): void {
  const issuedAt = claims['iat']
  if (typeof issuedAt !== 'number' || !Number.isFinite(issuedAt)) throw bad('iat')
  if (issuedAt > now + skewSeconds || issuedAt < now - maxAgeSeconds) throw bad('iat')
}

/** The key that the proof brings along must have signed it, and must be a sound public key. */
async function thumbprintOf(proof: ParsedProof): Promise<string> {
  const set = await parseKeySet({ keys: [proof.jwk] })
  if (set === undefined || (await verifySignature(proof, set.keys)) === undefined) {
    throw bad('signature')
  }
  return calculateJwkThumbprint(proof.jwk as unknown as JWK)
}

async function checkNonce(
  proof: ParsedProof,
  nonces: Nonces | undefined,
  now: number,
): Promise<void> {
  if (nonces === undefined || (await nonces.accepts(proof.claims['nonce'], now))) return
  const nonce = await nonces.create(now)
  throw new IdentityError('TOK', { reason: 'dpop_nonce', dpopNonce: nonce })
}

async function checkReplay(
  proof: ParsedProof,
  thumbprint: string,
  store: Store,
  maxAgeSeconds: number,
): Promise<void> {
  const id = proof.claims['jti']
  if (typeof id !== 'string' || id === '' || id.length > maxTokenIdLength) throw bad('jti')
  const key = `dpop:${await textDigest(JSON.stringify([thumbprint, id]))}`
  const fresh = await store.add(key, '', maxAgeSeconds + 2 * skewSeconds)
  if (!fresh) throw bad('replayed')
}

function bad(part: string): IdentityError {
  return new IdentityError('TOK', { reason: `dpop_${part}` })
}
