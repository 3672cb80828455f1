/**
 * What an authenticator holds after 10 million calls by a million people, of whom some call far more
 * often than others (Zipf's law), and what a call costs on the way.
 *
 *   pnpm --filter bench endurance [CALLS] [PEOPLE]
 *
 * Takes about a quarter of an hour. The tokens are kept in a file, so that the heap holds the
 * authenticator's memory alone.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createFixture, issuerName, resource } from '../tokens/fixture.ts'

const calls = Number(process.argv[2] ?? 10_000_000)
const people = Number(process.argv[3] ?? 1_000_000)
const rows = 10
const batch = 10_000

const folder = mkdtempSync(join(tmpdir(), 'endurance-'))
const file = openSync(join(folder, 'tokens'), 'w+')
const { algorithm, jwk, length } = await writeTokens()
const text = Buffer.alloc(length)

const authenticator = createAuthenticator({
  resource,
  sources: [
    direct({
      issuer: issuer({
        iss: issuerName,
        audience: resource,
        kind: 'by-client',
        algorithms: [algorithm],
        keys: { jwks: { keys: [jwk] } },
      }),
    }),
  ],
})

console.log('calls | µs of processor time a call | heap, MB')
for (let row = 1; row <= rows; row++) {
  const usage = process.cpuUsage()
  for (let at = 0; at < calls / rows; at++) await call(pickPerson())
  const { user, system } = process.cpuUsage(usage)
  const cost = ((user + system) / (calls / rows)).toFixed(1)
  globalThis.gc?.()
  const heap = (process.memoryUsage().heapUsed / 1e6).toFixed(1)
  console.log(`${(row * calls) / rows} | ${cost} | ${heap}`)
}
closeSync(file)
rmSync(folder, { recursive: true })

/** One token of the same length for each person, a batch of them in memory at a time. */
async function writeTokens() {
  const { algorithm, jwk, tokens, sign } = await createFixture('EdDSA', 1)
  const { length } = tokens[0] as string
  for (let from = 0; from < people; from += batch) {
    let some = ''
    for (let at = from; at < Math.min(from + batch, people); at++) {
      const token = await sign(at)
      if (token.length !== length) throw new Error('tokens differ in length')
      some += token
    }
    writeSync(file, some)
  }
  return { algorithm, jwk, length }
}

async function call(person: number): Promise<void> {
  readSync(file, text, 0, length, person * length)
  const authorization = `Bearer ${text.toString('latin1')}`
  await authenticator.authenticate({ headers: { authorization } })
}

/** The person of rank r calls about 1/r as often as the first: the inverse of that distribution. */
function pickPerson(): number {
  return Math.floor(people ** Math.random()) - 1
}
