/**
 * How the cost of a known token grows: with the identities that are live, with the issuers that are
 * configured, and what a flood of tokens that come once does to those who come again.
 *
 *   pnpm --filter bench growth
 *
 * Prints microseconds of processor time and memory; it takes a few minutes, most of them for signing.
 */
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { VerdictCache } from '../../../packages/core/dist/verdicts/verdict-cache.js'
import { createFixture, type Fixture, issuerName, resource } from '../tokens/fixture.ts'
import { median } from '../turns.ts'

type Authenticate = (token: string) => Promise<unknown>

function authenticatorOf({ algorithm, jwk }: Fixture, issuers: number): Authenticate {
  const names = Array.from({ length: issuers - 1 }, (_, at) => `https://idp-${at}.example.com`)
  const sources = [...names, issuerName].map((iss) =>
    direct({
      issuer: issuer({
        iss,
        audience: resource,
        kind: 'by-client',
        algorithms: [algorithm],
        keys: { jwks: { keys: [jwk] } },
      }),
    }),
  )
  const cache = { entries: 100_000, bytes: 400_000_000 }
  const authenticator = createAuthenticator({ resource, sources, cache })
  return (token) => authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
}

async function costOf(authenticate: Authenticate, tokens: readonly string[]): Promise<number> {
  const costs: number[] = []
  for (let round = 0; round < 9; round++) {
    const usage = process.cpuUsage()
    for (let at = 0; at < 20_000; at++) {
      // A step that shares no divisor with the number of tokens: no two calls are neighbours.
      await authenticate(tokens[(at * 7919) % tokens.length] as string)
    }
    const { user, system } = process.cpuUsage(usage)
    if (round > 1) costs.push((user + system) / 20_000)
  }
  return median(costs)
}

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const fixture = await createFixture('EdDSA', Number(process.argv[2] ?? 100_000))
for (const live of [1, 100, 1_000, 10_000, 100_000].filter((it) => it <= fixture.tokens.length)) {
  const tokens = fixture.tokens.slice(0, live)
  const before = memory()
  const authenticate = authenticatorOf(fixture, 1)
  for (const token of tokens) await authenticate(token)
  const bytes = Math.round((memory() - before) / live)
  const cost = await costOf(authenticate, tokens)
  console.log(
    `${live} live identities: ${cost.toFixed(2)} µs a call, ${bytes} bytes of heap for each`,
  )
}
for (const issuers of [10, 100, 1_000, 10_000]) {
  const cost = await costOf(authenticatorOf(fixture, issuers), fixture.tokens.slice(0, 200))
  console.log(`${issuers} issuers: ${cost.toFixed(2)} µs a call`)
}

/** The share of calls of regulars that are found, while others come by once. */
function hitRate(flood: number): number {
  const cache = new VerdictCache<{ readonly key: string }>({ entries: 50_000, bytes: 1e12 })
  const regulars = Array.from({ length: 20_000 }, (_, at) => `regular-${at}`)
  let asked = 0
  let found = 0
  const ask = (key: string): boolean => {
    if (cache.get(key) !== undefined) return true
    cache.set(key, { key }, 3_000)
    return false
  }
  for (let round = 0; round < 2; round++) regulars.forEach(ask)
  for (let at = 0; at < 1_000_000; at++) {
    for (let once = 0; once < flood; once++) ask(`once-${at}-${once}`)
    asked += 1
    if (ask(regulars[(at * 7919) % regulars.length] as string)) found += 1
  }
  return found / asked
}

for (const flood of [0, 1]) {
  const others = flood * 1_000_000
  console.log(
    `${others} others came once: regulars are found ${(hitRate(flood) * 100).toFixed(2)} %`,
  )
}
