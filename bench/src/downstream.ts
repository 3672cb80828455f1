/** What a call of an API with a kept token costs this process, next to `fetch` with a fixed header. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createDownstream, tokenExchange } from '@onbehalf/downstream'
import { createTokenMinter } from '@onbehalf/testing'
import { median } from './turns.ts'

const resource = 'https://mcp.example.com/mcp'
const callsPerTurn = 300
const rounds = 61

if (process.argv[2] === 'api') await serve()
else await compareCosts()

/** The API and the token endpoint, in another process: only the caller is measured. */
async function serve(): Promise<void> {
  const token = JSON.stringify({ access_token: 't', token_type: 'Bearer', expires_in: 3600 })
  const server = createServer((req, res) => {
    req.resume()
    res.setHeader('content-type', 'application/json').end(req.url === '/token' ? token : '{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.send?.((server.address() as AddressInfo).port)
}

async function compareCosts(): Promise<void> {
  const child = fork(new URL(import.meta.url), ['api'])
  const [port] = (await once(child, 'message')) as [number]
  const base = `http://127.0.0.1:${port}`
  const { downstream, identity } = await createCaller(base)
  const init = { headers: { authorization: 'Bearer t' } }
  const contenders = {
    'fetch with a deadline, no redirects, no cookies': () => carefully(`${base}/v1/me`, init),
    'a call on behalf of a user': () => downstream.ledger.fetch(identity, '/me'),
  }
  const ratios = Object.keys(contenders).map((): number[] => [])
  for (let round = 0; round <= rounds; round += 1) {
    const plain = await turn(() => fetch(`${base}/v1/me`, init))
    for (const [at, call] of Object.values(contenders).entries()) {
      const cost = await turn(call)
      // The first round warms up.
      if (round > 0) ratios[at]?.push(cost / plain)
    }
  }
  child.kill()
  console.log('CPU time relative to fetch with a fixed header: median, middle half')
  for (const [at, name] of Object.keys(contenders).entries()) {
    const sorted = (ratios[at] ?? []).toSorted((one, other) => one - other)
    const quartiles = [sorted[rounds >> 2], sorted[rounds - 1 - (rounds >> 2)]]
    const [low, high] = quartiles.map((ratio = Number.NaN) => ratio.toFixed(2))
    console.log(`  ${name}: ${median(sorted).toFixed(3)} (${low} to ${high})`)
  }
}

/** A call with a deadline that follows no redirect: what any client with a token needs. */
async function carefully(url: string, init: RequestInit): Promise<Response> {
  const clock = new AbortController()
  const timer = setTimeout(() => clock.abort(), 30_000)
  try {
    const careful = { redirect: 'manual', credentials: 'omit', signal: clock.signal } as const
    return await fetch(url, { ...init, ...careful })
  } finally {
    clearTimeout(timer)
  }
}

/** Microseconds of processor time of one call. */
async function turn(call: () => Promise<Response>): Promise<number> {
  const start = process.cpuUsage()
  for (let count = 0; count < callsPerTurn; count += 1) await (await call()).arrayBuffer()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / callsPerTurn
}

async function createCaller(base: string) {
  const minter = await createTokenMinter({ alg: 'ES256' })
  const people = issuer({
    iss: minter.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks: minter.jwks },
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
  const client = { id: 'mcp', method: 'client_secret_basic', secret: 'secret' } as const
  const grant = tokenExchange({ issuer: base, tokenEndpoint: `${base}/token`, client })
  const downstream = createDownstream({
    authenticator,
    apis: { ledger: { baseUrl: `${base}/v1`, audience: 'ledger', grant } },
  })
  const token = await minter.mint({ sub: 'ada', aud: resource, client_id: 'web', org_id: 'acme' })
  const headers = { authorization: `Bearer ${token}` }
  return { downstream, identity: await authenticator.authenticate({ headers }) }
}
