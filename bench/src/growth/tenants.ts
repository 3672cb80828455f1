/**
 * How many tenants with an issuer each cost: to start, to hold, and for a call.
 *
 *   pnpm --filter bench tenants
 *
 * Prints milliseconds, bytes of heap and microseconds of processor time; it takes about a minute.
 */
import { createAuthenticator, direct, issuers } from '@onbehalf/core'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { resource } from '../tokens/fixture.ts'
import { median } from '../turns.ts'

const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true })
const jwk = { ...(await exportJWK(publicKey)), alg: 'EdDSA', kid: 'key-1', use: 'sig' }
const sign = (iss: string): Promise<string> =>
  new SignJWT({ iss, sub: 'jane', aud: resource, client_id: 'agent', org_id: 'acme' })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'key-1', typ: 'at+jwt' })
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(privateKey)
let fetches = 0
const fetchKeys = (async () => {
  fetches += 1
  return Response.json({ keys: [jwk] })
}) as typeof fetch

function memory(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

for (const tenants of [10, 100, 1_000, 10_000]) {
  const nameOf = (at: number): string => `https://id-${at}.example.com`
  const table = new Map(
    Array.from({ length: tenants }, (_, at) => [nameOf(at), { jwksUri: `${nameOf(at)}/keys` }]),
  )
  fetches = 0
  const empty = memory()
  const began = performance.now()
  const family = issuers({
    find: async (iss) => table.get(iss),
    audience: resource,
    kind: 'by-client',
    algorithms: ['EdDSA'],
    fetch: fetchKeys,
    maxIssuers: 10_000,
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: family })] })
  const start = performance.now() - began
  const call = (token: string) =>
    authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
  const tokens = await Promise.all(Array.from({ length: tenants }, (_, at) => sign(nameOf(at))))
  for (const token of tokens) await call(token)
  const held = (memory() - empty) / tenants
  const costs: number[] = []
  for (let round = 0; round < 7; round++) {
    const usage = process.cpuUsage()
    for (let at = 0; at < 10_000; at++) await call(tokens[(at * 7919) % tenants] as string)
    const { user, system } = process.cpuUsage(usage)
    costs.push((user + system) / 10_000)
  }
  const loaded = fetches
  for (let at = 0; at < 2_000; at++) {
    await call(await sign(`https://unknown-${at}.example.com`)).catch(() => undefined)
  }
  console.log(
    `${tenants} tenants: start ${start.toFixed(1)} ms, ${Math.round(held)} bytes for each, ${median(costs).toFixed(2)} µs a call, ${loaded} fetches, ${fetches - loaded} for 2000 unknown tenants`,
  )
}
