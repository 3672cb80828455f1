import { base64url } from 'jose'
import { IdentityError } from '../errors.ts'
import { type Awaitable, andThen, sharesPromises } from '../internal/promises.ts'
import { asText, isRecord, isText } from '../internal/values.ts'
import { type Algorithm, algorithmsOfKey } from '../token/algorithm.ts'
import { isCanonicalBase64url } from '../token/base64url.ts'
import { importKey } from '../token/engines/engine.ts'
import type { VerifyBytes } from '../token/engines/web-engine.ts'
import type { JsonObject } from '../token/json-object.ts'
import type { VerificationKey } from '../token/verify-signature.ts'
import type { IgnoredKeyReason, KeyQuery, KeySource, ReportKeyEvent } from './key-source.ts'
import { isSoundRsaKey } from './rsa-sanity.ts'

const maxKeys = 100
// A rotation mistake may give two keys the same id; trying more than a few would be a way to make
// this server work for an attacker.
const maxCandidates = 4
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const
const publicMembers = ['kty', 'crv', 'n', 'e', 'x', 'y'] as const
const coordinateBytes = new Map<unknown, number>([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
])

/** The usable keys of a JWK Set (RFC 7517 section 5). */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** One entry for each member that is not used. */
  readonly ignored: readonly IgnoredKeyReason[]
}

/**
 * Reads a JWK Set. A bad member is left out and the rest is used; a private or symmetric key that
 * someone published is never used.
 *
 * @param input the set as an object or as JSON text
 * @returns `undefined` when the input is not a JWK Set or has more than 100 members
 */
export async function parseKeySet(input: unknown): Promise<KeySet | undefined> {
  const set = typeof input === 'string' ? parseJson(input) : input
  if (!isRecord(set) || !Array.isArray(set['keys'])) return undefined
  const members: readonly unknown[] = set['keys']
  if (members.length > maxKeys) return undefined
  const results = await Promise.all(members.map(loadKey))
  return {
    keys: results.filter((result) => typeof result !== 'string'),
    ignored: results.filter((result) => typeof result === 'string'),
  }
}

/** The keys of a set that may have signed a token. */
export function findKeys({ keys }: KeySet, query: KeyQuery): readonly VerificationKey[] {
  const { algorithm, keyId, limit = maxCandidates } = query
  const most = keyId === undefined ? limit : maxCandidates
  const fits = (key: VerificationKey): boolean =>
    (keyId === undefined || key.keyId === keyId) && key.algorithms.includes(algorithm)
  const found = keys.filter(fits)
  return found.length > most ? found.slice(0, most) : found
}

/**
 * A key that is there is not an unknown one, even if it is bound to other algorithms.
 *
 * @throws IdentityError `TOK`
 */
export function assertNotOtherwiseBound(set: KeySet, { keyId }: KeyQuery): void {
  const others = set.keys.filter((key) => keyId !== undefined && key.keyId === keyId)
  if (others.length === 0) return
  const expected = [...new Set(others.flatMap(({ algorithms }) => algorithms))]
  throw new IdentityError('TOK', { reason: 'key_algorithm', failure: { expected } })
}

/**
 * Keys that are part of the configuration.
 *
 * A set without a usable key fails {@link KeySource.ready} and every look-up.
 */
export function staticKeys(jwks: { readonly keys: readonly unknown[] }): KeySource {
  const isShared = sharesPromises()
  let pending: Promise<KeySet | undefined> | undefined
  let loaded: { readonly set: KeySet | undefined } | undefined

  async function parse(report: ReportKeyEvent): Promise<KeySet | undefined> {
    const set = await parseKeySet(jwks)
    loaded = { set }
    const { keys = [], ignored = [] } = set ?? {}
    report({ type: 'keys_loaded', usable: keys.length, ignored })
    return set
  }

  async function load(report: ReportKeyEvent): Promise<KeySet | undefined> {
    if (loaded !== undefined) return loaded.set
    return isShared ? (pending ??= parse(report)) : parse(report)
  }

  async function findOrThrow(
    query: KeyQuery,
    report: ReportKeyEvent,
  ): Promise<readonly VerificationKey[]> {
    const set = assertUsable(await load(report))
    const found = findKeys(set, query)
    if (found.length === 0) assertNotOtherwiseBound(set, query)
    return found
  }

  return {
    find(query, report) {
      const known = loaded?.set === undefined ? [] : findKeys(loaded.set, query)
      return known.length > 0 ? known : findOrThrow(query, report)
    },
    holds: (key) => loaded?.set?.keys.includes(key) === true,
    ready: async (report) => void assertUsable(await load(report)),
  }
}

function assertUsable(set: KeySet | undefined): KeySet {
  if (set !== undefined && set.keys.length > 0) return set
  throw new IdentityError('DOWN', { reason: 'keys_unusable' })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

async function loadKey(jwk: unknown): Promise<VerificationKey | IgnoredKeyReason> {
  if (!isRecord(jwk)) return 'malformed'
  const algorithms = boundAlgorithms(jwk)
  const fault = findFault(jwk, algorithms)
  if (fault !== undefined) return fault
  try {
    // Importing is what proves that an EC point lies on its curve.
    return await importFor(jwk, algorithms)
  } catch {
    return 'malformed'
  }
}

async function importFor(
  jwk: JsonObject,
  algorithms: readonly Algorithm[],
): Promise<VerificationKey> {
  const parameters = toParameters(jwk)
  const importing = createImport(parameters)
  await importing(algorithms[0] as Algorithm)
  const issuer = asText(jwk['issuer'])
  const keyId = jwk['kid'] as string | undefined
  return {
    keyId,
    issuer,
    algorithms,
    fingerprint: JSON.stringify([keyId, issuer, algorithms, parameters]),
    verify: (algorithm, signed, signature) =>
      algorithms.includes(algorithm) &&
      andThen(importing(algorithm), (verifies) => verifies(signed, signature)),
  }
}

/** WebCrypto ties a key to one algorithm; a JWK without `alg` needs one import for each. */
function createImport(parameters: JsonObject): (algorithm: Algorithm) => Awaitable<VerifyBytes> {
  const imported = new Map<Algorithm, VerifyBytes>()
  return (algorithm) =>
    imported.get(algorithm) ??
    andThen(importKey(parameters, algorithm), (verifies) => {
      // The key is kept, not its promise: that would belong to the request that asked first.
      imported.set(algorithm, verifies)
      return verifies
    })
}

/** RFC 7517 section 4.4: a key with `alg` serves that one; without, those of its type and curve. */
function boundAlgorithms(jwk: JsonObject): readonly Algorithm[] {
  const fitting = algorithmsOfKey(jwk['kty'], jwk['crv'])
  return jwk['alg'] === undefined ? fitting : fitting.filter((name) => name === jwk['alg'])
}

function findFault(
  jwk: JsonObject,
  algorithms: readonly Algorithm[],
): IgnoredKeyReason | undefined {
  if (privateMembers.some((name) => name in jwk)) return 'private'
  if (!mayVerify(jwk)) return 'use'
  if (algorithms.length === 0) return 'algorithm'
  if (jwk['kid'] !== undefined && typeof jwk['kid'] !== 'string') return 'malformed'
  if (jwk['kty'] === 'RSA') return findRsaFault(jwk)
  const coordinates = jwk['kty'] === 'EC' ? [jwk['x'], jwk['y']] : [jwk['x']]
  const bytes = coordinateBytes.get(jwk['crv'])
  return coordinates.every((value) => isCoordinate(value, bytes)) ? undefined : 'malformed'
}

function findRsaFault({ n, e }: JsonObject): IgnoredKeyReason | undefined {
  if (![n, e].every((value) => isText(value) && isCanonicalBase64url(value))) return 'malformed'
  return isSoundRsaKey(n, e) ? undefined : 'weak'
}

/** RFC 7517 sections 4.2 and 4.3. */
function mayVerify(jwk: JsonObject): boolean {
  const { use, key_ops: operations } = jwk as { use?: unknown; key_ops?: unknown }
  if (use !== undefined && use !== 'sig') return false
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'))
}

/** Some issuers drop leading zeros; the import decides whether the point lies on its curve. */
function isCoordinate(value: unknown, bytes = 0): boolean {
  if (typeof value !== 'string' || value === '' || !isCanonicalBase64url(value)) return false
  return base64url.decode(value).length <= bytes
}

/** Only what an import needs, and only text: nothing else that a member carries is looked at. */
function toParameters(jwk: JsonObject): JsonObject {
  const members = publicMembers.filter((name) => typeof jwk[name] === 'string')
  return Object.fromEntries(members.map((name) => [name, jwk[name]]))
}
