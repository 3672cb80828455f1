import {
  type Algorithm,
  type Authenticator,
  createAuthenticator,
  direct,
  isIdentityError,
  issuer,
} from '@onbehalf/core'
import fc from 'fast-check'
import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { isAlgorithm } from '../../../packages/core/src/token/algorithm.ts'
import { tokenCases } from '../support/corpus.ts'
import { createKey, type SigningKey, signWith } from '../support/keys.ts'
import { audience, issuerName, now, resource } from '../support/names.ts'
import { claimsOf, compact, headerOf, mint } from '../support/token.ts'
import { type Material, mutatedToken } from './edits.ts'

export interface Comparison {
  readonly compared: number
  /** Accepted by both. */
  readonly accepted: number
  /** What we accept and plain jose does not: there must be none. */
  readonly disputed: readonly string[]
}

type Verify = (token: string) => Promise<boolean>

/** Whoever is stricter than jose never accepts what jose refuses: shown on drawn tokens. */
export async function compareTokens(options: { count: number; seed: number }): Promise<Comparison> {
  const keys = [createKey('ES256', 'e1'), createKey('EdDSA', 'd1'), createKey('RS256', 'r1')]
  const jwks = { keys: keys.map(({ jwk }) => jwk) } as unknown as JSONWebKeySet
  const algorithms = ['ES256', 'EdDSA', 'RS256'] as const
  const ours = oursOf({ jwks, algorithms, skewSeconds: 30, now, issuer: issuerName, audience })
  const theirs = theirsOf(jwks, {
    issuer: issuerName,
    audience,
    algorithms: [...algorithms],
    requiredClaims: ['exp', 'sub'],
    clockTolerance: 30,
    currentDate: new Date(now * 1000),
  })
  const tokens = drawnTokens(keys)
  const comparison = createComparison()
  for (let done = 0; done < options.count; done += 1000) {
    const numRuns = Math.min(1000, options.count - done)
    for (const token of fc.sample(tokens, { numRuns, seed: options.seed + done })) {
      const accepts = async () => hasEmptyTime(token) || (await theirs(token))
      await comparison.add(token, await ours(token), accepts)
    }
  }
  return comparison.result()
}

/** An empty claim is absent for us; jose refuses it. */
function hasEmptyTime(token: string): boolean {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
    const { iat, nbf } = JSON.parse(payload) as Record<string, unknown>
    return [iat, nbf].some((time) => time === null || time === '')
  } catch {
    return false
  }
}

/** The same over third-party cases; nothing to compare where they are not at hand. */
export async function compareVectors(): Promise<Comparison> {
  const comparison = createComparison()
  for (const { id, level, token = '', jwks = { keys: [] }, policy = {} } of tokenCases()) {
    if (level !== 'jwt') continue
    const names = { issuer: policy.issuer ?? issuerName, audience: policy.audience ?? audience }
    const algorithms = (policy.algorithms ?? everyAlgorithm).filter(isAlgorithm)
    const time = policy.now ?? now
    const ours = oursOf({ jwks, algorithms, skewSeconds: 0, now: time, ...names })
    const theirs = theirsOf(jwks as JSONWebKeySet, {
      ...names,
      algorithms,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(time * 1000),
    })
    await comparison.add(id, await ours(token), () => theirs(token))
  }
  return comparison.result()
}

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const everyAlgorithm = [...rsaAlgorithms, 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

interface Policy {
  readonly jwks: { readonly keys: readonly unknown[] }
  readonly algorithms: readonly Algorithm[]
  readonly issuer: string
  readonly audience: string
  readonly skewSeconds: number
  readonly now: number
}

/** As lenient as we can be configured. */
function oursOf(policy: Policy): Verify {
  const authenticator: Authenticator<unknown> = createAuthenticator({
    resource,
    clock: () => policy.now,
    sources: [
      direct({
        issuer: issuer({
          iss: policy.issuer,
          audience: policy.audience,
          kind: 'user',
          algorithms: policy.algorithms,
          keys: { jwks: policy.jwks },
          tokenType: 'compatible',
          keyId: 'optional',
          clockSkewSeconds: policy.skewSeconds,
          maxLifetimeSeconds: null,
          // Vectors of others are about signatures: most of them do not say when they were issued.
          acceptMissingIat: { longestLifeSeconds: 86_400 },
        }),
      }),
    ],
  })
  return async (token) => {
    try {
      await authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
      return true
    } catch (error) {
      if (isIdentityError(error) && error.reason !== 'internal_error') return false
      throw error
    }
  }
}

function theirsOf(jwks: JSONWebKeySet, options: JWTVerifyOptions): Verify {
  const keys = createLocalJWKSet(jwks)
  return async (token) => {
    try {
      await jwtVerify(token, keys, options)
      return true
    } catch (error) {
      return error instanceof errors.JWKSMultipleMatchingKeys && anyKey(error, token, options)
    }
  }
}

/** As the documentation of jose says to go on where several keys match. */
async function anyKey(
  matching: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<boolean> {
  for await (const key of matching) {
    const accepted = await jwtVerify(token, key, options).then(
      () => true,
      () => false,
    )
    if (accepted) return true
  }
  return false
}

function createComparison() {
  let [compared, accepted] = [0, 0]
  const disputed: string[] = []
  return {
    async add(name: string, ours: boolean, theirs: () => Promise<boolean>): Promise<void> {
      compared += 1
      if (!ours) return
      if (await theirs()) accepted += 1
      else disputed.push(name)
    },
    result: (): Comparison => ({ compared, accepted, disputed }),
  }
}

/** Half of them well signed over any claims and headers, half of them mutated afterwards. */
function drawnTokens(keys: readonly SigningKey[]): fc.Arbitrary<string> {
  const material: Material = {
    tokens: keys.map((key) => mint(key)),
    strangers: keys.map(({ algorithm, keyId }) => createKey(algorithm, keyId)).slice(0, 2),
    publicKeys: ['public'],
  }
  const signed = fc
    .record({
      n: fc.nat({ max: keys.length - 1 }),
      header: fc.dictionary(headerNames, values, { maxKeys: 2 }),
      claims: fc.dictionary(claimNames, values, { maxKeys: 3 }),
      extra: fc.constantFrom('', ' ', '\n', '\uFEFF', ',"sub":"eve"', ',"x":1e999', ',"exp":1e999'),
    })
    .map(({ n, header, claims, extra }) => {
      const key = keys[n] as SigningKey
      const payload = claimsOf({ claims })
      const text = extra.startsWith(',') ? `${payload.slice(0, -1)}${extra}}` : extra + payload
      return compact(headerOf(key, { header }), text, signWith(key))
    })
  const mutated = mutatedToken.map((mutate) => mutate(material.tokens, material))
  return fc.oneof(signed, mutated)
}

const headerNames = fc.constantFrom('typ', 'kid', 'x', 'alg', 'crit', 'b64', 'cty', 'x5t', 'jku')
const claimNames = fc.constantFrom(
  'exp',
  'nbf',
  'iat',
  'aud',
  'iss',
  'sub',
  'jti',
  'scope',
  'roles',
  'azp',
  'act',
  'email',
)
const texts = ['at+jwt', 'JWT', 'e1', 'ES256', issuerName, audience, 'ada', '']
const lists = [[audience], ['x', audience], [], {}]
const times = [now - 30, now - 29, now + 30, now + 31, now + 0.5, now * 1000, 0, null, undefined]
const values = fc.oneof(
  fc.constantFrom<unknown>(...texts, ...lists, ...times),
  fc.jsonValue({ maxDepth: 2 }),
)
