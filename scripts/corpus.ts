/**
 * Runs a file of token and key-set cases (one JSON object a line) against the public API.
 *
 *   pnpm corpus FILE
 *
 * Prints every wrong verdict and a tally by level; exits 1 when a verdict is wrong.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

import {
  type Algorithm,
  createAuthenticator,
  direct,
  isIdentityError,
  issuer,
} from '@onbehalf/core'
import { parseKeySet, parseToken } from '@onbehalf/core/internal'
import { findKeys } from '../packages/core/src/keys/key-set.ts'
import { isAlgorithm } from '../packages/core/src/token/algorithm.ts'
import { checkValidity } from '../packages/core/src/token/json-object.ts'
import { parseCompact } from '../packages/core/src/token/parse-token.ts'
import { verifySignature } from '../packages/core/src/token/verify-signature.ts'

interface Case {
  readonly id: string
  readonly level: 'jws' | 'jwt' | 'jwt-noissaud' | 'parse' | 'jwks'
  readonly family: string
  readonly expect: 'accept' | 'reject' | 'either'
  readonly sym?: boolean
  readonly token?: string
  readonly jwks?: { readonly keys: readonly unknown[] }
  readonly jwksText?: string
  readonly policy?: {
    readonly issuer?: string
    readonly audience?: string
    readonly algorithms?: readonly string[]
    readonly now?: number
  }
}

const everyAlgorithm: readonly Algorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/** Throws an IdentityError (reject) or returns (accept). Anything else thrown is a failure. */
const levels: Record<Case['level'], (test: Case) => Promise<void>> = {
  jwt: authenticateWith,
  parse: authenticateWith,
  jws: verifyJws,
  'jwt-noissaud': verifyWithoutIssuer,
  jwks: loadKeySet,
}

async function authenticateWith(test: Case): Promise<void> {
  const authenticator = createAuthenticator({
    resource: 'https://mcp.example/mcp',
    clock: () => test.policy?.now ?? 1_800_000_000,
    sources: [
      direct({
        issuer: issuer({
          iss: test.policy?.issuer ?? 'https://idp.example',
          audience: test.policy?.audience ?? 'https://mcp.example/mcp',
          kind: 'user',
          algorithms: algorithmsOf(test),
          keys: { jwks: test.jwks ?? { keys: [] } },
          tokenType: 'compatible',
          keyId: 'optional',
          clockSkewSeconds: 0,
          maxLifetimeSeconds: null,
          // Vectors of others are about signatures: most of them do not say when they were issued.
          acceptMissingIat: { longestLifeSeconds: 86_400 },
        }),
      }),
    ],
  })
  await authenticator.authenticate({ headers: { authorization: `Bearer ${test.token ?? ''}` } })
}

async function verifyJws(test: Case): Promise<void> {
  const token = parseCompact(test.token ?? '')
  if (!algorithmsOf(test).includes(token.algorithm)) throw new Rejected()
  const set = await parseKeySet(test.jwks)
  const key = set && (await verifySignature(token, findKeys(set, token)))
  if (key === undefined) throw new Rejected()
}

async function verifyWithoutIssuer(test: Case): Promise<void> {
  await verifyJws(test)
  const { claims } = parseToken(test.token ?? '')
  checkValidity(claims, { now: test.policy?.now ?? 1_800_000_000, skewSeconds: 0 })
}

async function loadKeySet(test: Case): Promise<void> {
  const set = await parseKeySet(test.jwksText ?? test.jwks)
  if (set === undefined || set.keys.length === 0) throw new Rejected()
}

class Rejected extends Error {}

function algorithmsOf(test: Case): readonly Algorithm[] {
  const named = test.policy?.algorithms?.filter(isAlgorithm) ?? everyAlgorithm
  // RFC 9864 gave EdDSA with this curve a name of its own: both mean the same signature.
  return named.includes('EdDSA') ? [...named, 'Ed25519'] : named
}

async function verdictOf(test: Case): Promise<'accept' | 'reject' | 'crash'> {
  try {
    await levels[test.level](test)
    return 'accept'
  } catch (error) {
    if (error instanceof Rejected) return 'reject'
    if (isIdentityError(error) && error.reason !== 'internal_error') return 'reject'
    console.error(`${test.id}:`, error)
    return 'crash'
  }
}

async function run(file: string): Promise<number> {
  const tally = { right: 0, wrong: 0, either: 0 }
  const byLevel = new Map<string, number>()
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.trim() === '') continue
    const test = JSON.parse(line) as Case
    const verdict = await verdictOf(test)
    const expected = test.sym === true ? 'reject' : test.expect
    const outcome =
      verdict === 'crash'
        ? 'wrong'
        : expected === 'either'
          ? 'either'
          : verdict === expected
            ? 'right'
            : 'wrong'
    tally[outcome] += 1
    byLevel.set(test.level, (byLevel.get(test.level) ?? 0) + 1)
    if (outcome === 'wrong')
      console.log(`wrong: ${test.id} (${test.family}): ${verdict}, not ${expected}`)
  }
  for (const [level, count] of byLevel) console.log(`${level.padEnd(14)} ${count}`)
  const { right, wrong, either } = tally
  console.log(`corpus: decided=${right + wrong} right=${right} wrong=${wrong} either=${either}`)
  return wrong > 0 || right === 0 ? 1 : 0
}

const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: pnpm corpus FILE')
  process.exitCode = 2
} else {
  process.exitCode = await run(file)
}
