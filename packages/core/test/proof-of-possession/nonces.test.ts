import { randomBytes } from 'node:crypto'
import { direct, dpop, dpopNonces, memoryStore, type Nonces } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, startResourceServer } from '../support/resource-server.ts'
import { createPeople, now, type Party } from '../support/world.ts'
import { createHolder, dpopHeaders, type Holder } from './holder.ts'

const secret = randomBytes(32)

describe('nonces', () => {
  const nonces = dpopNonces({ secret, lifetimeSeconds: 100 })

  it('are accepted for one lifetime at least and two at most', async () => {
    const nonce = await nonces.create(1_000)
    const accepted = await Promise.all(
      [999, 1_000, 1_099, 1_199, 1_200, 2_000].map((time) => nonces.accepts(nonce, time)),
    )
    expect(accepted).toEqual([false, true, true, true, false, false])
  })

  it('change with every lifetime', async () => {
    const times = [1_000, 1_050, 1_100, 1_200]
    const [first, same, second, third] = await Promise.all(times.map((at) => nonces.create(at)))
    expect(same).toBe(first)
    expect(new Set([first, second, third]).size).toBe(3)
  })

  it('are accepted by another process with the same secret', async () => {
    const other = dpopNonces({ secret, lifetimeSeconds: 100 })
    expect(await other.accepts(await nonces.create(1_000), 1_000)).toBe(true)
  })

  it.each([
    ['another secret', { secret: randomBytes(32), lifetimeSeconds: 100 }],
    ['another lifetime', { secret, lifetimeSeconds: 200 }],
  ])('are not accepted under %s', async (_other, options) => {
    const foreign = await dpopNonces(options).create(1_000)
    expect(await nonces.accepts(foreign, 1_000)).toBe(false)
  })

  it('are letters that a header may carry', async () => {
    expect(await nonces.create(1_000)).toMatch(/^[\w-]{43}$/)
  })

  it.each([undefined, null, 1, '', {}, [], 'x'.repeat(100_000)])(
    'are not accepted in any other form: %o',
    async (value) => {
      expect(await nonces.accepts(value, 1_000)).toBe(false)
    },
  )

  it('are not accepted in part, nor with something behind', async () => {
    const nonce = await nonces.create(1_000)
    const variants = [nonce.slice(1), nonce.slice(0, -1), `${nonce}A`, `${nonce} `]
    const accepted = await Promise.all(variants.map((text) => nonces.accepts(text, 1_000)))
    expect(accepted).not.toContain(true)
  })

  it('do not follow a secret that is changed later', async () => {
    const own = randomBytes(32)
    const created = dpopNonces({ secret: own })
    const before = await created.create(1_000)
    own.fill(0)
    expect(await created.create(1_000)).toBe(before)
  })

  it.each([
    [{ secret: randomBytes(31) }, 'secret must have at least 32 bytes'],
    [{ secret: 'x'.repeat(64) as never }, 'secret must have at least 32 bytes'],
    [{ secret, lifetimeSeconds: 0 }, 'lifetimeSeconds must be from 1 to 3600'],
    [{ secret, lifetimeSeconds: Number.NaN }, 'lifetimeSeconds must be from 1 to 3600'],
    [{ secret, lifetimeSeconds: 3_601 }, 'lifetimeSeconds must be from 1 to 3600'],
  ])('are configured strictly', (options, message) => {
    expect(() => dpopNonces(options)).toThrow(new TypeError(message))
  })

  it.each([1, 3_600])('may live for %d seconds', async (lifetimeSeconds) => {
    const created = dpopNonces({ secret: randomBytes(32), lifetimeSeconds })
    expect(await created.accepts(await created.create(1_000), 1_000)).toBe(true)
  })
})

describe('a server that wants its nonce in a proof', () => {
  let people: Party
  let holder: Holder
  let token: string

  beforeAll(async () => {
    people = await createPeople()
    holder = await createHolder()
    token = await people.token({ exp: now + 3_600, cnf: { jkt: holder.jkt } })
  })

  interface Start {
    readonly nonces?: Nonces
    readonly clock?: () => number
  }

  async function start({ nonces = dpopNonces({ secret }), clock = () => now }: Start = {}) {
    const server = await startResourceServer({
      sources: [direct({ issuer: people.issuer() })],
      confirmations: [dpop({ store: memoryStore(), nonces })],
      clock,
    })
    const send = (nonce?: unknown): Promise<Answer> => {
      const proof = holder.proof(token, { claims: { nonce, iat: clock() } })
      return server.call({ headers: dpopHeaders(token, proof) })
    }
    return { ...server, send }
  }

  it('names it to a client that has none, and then accepts it', async () => {
    const server = await start()
    const refused = await server.send()
    expect(refused).toEqual({
      status: 401,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'www-authenticate':
          'DPoP error="use_dpop_nonce", error_description="The DPoP proof must carry the nonce of this answer", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", algs="ES256"',
        'dpop-nonce': expect.stringMatching(/^[\w-]{43}$/) as string,
        'x-request-id': expect.any(String) as string,
      },
      body: '{"error":"use_dpop_nonce","error_description":"The DPoP proof must carry the nonce of this answer"}',
    })
    expect(server.events.at(-1)).toMatchObject({ code: 'TOK', reason: 'dpop_nonce' })
    expect(await server.send(refused.headers['dpop-nonce'])).toMatchObject({ status: 200 })
  })

  it('names a new one to a client whose nonce is old', async () => {
    let time = now
    const server = await start({ clock: () => time })
    const { headers } = await server.send()
    time = now + 601
    const refused = await server.send(headers['dpop-nonce'])
    expect(refused.status).toBe(401)
    expect(refused.headers['dpop-nonce']).not.toBe(headers['dpop-nonce'])
    expect(await server.send(refused.headers['dpop-nonce'])).toMatchObject({ status: 200 })
  })

  it.each(['made up', 1, null])('does not take one that it did not make: %o', async (nonce) => {
    expect(await (await start()).send(nonce)).toMatchObject({ status: 401 })
  })

  it('accepts the nonce of another process that has the same secret', async () => {
    const [first, second] = [await start(), await start({ nonces: dpopNonces({ secret }) })]
    const { headers } = await first.send()
    expect(await second.send(headers['dpop-nonce'])).toMatchObject({ status: 200 })
  })

  it('tells it to nobody but the holder of the key', async () => {
    const server = await start()
    const thief = await createHolder()
    const answer = await server.call({ headers: dpopHeaders(token, thief.proof(token)) })
    expect(answer).toMatchObject({ status: 401 })
    expect(answer.headers).not.toHaveProperty('dpop-nonce')
  })

  it('does not count a proof as used that lacked the nonce', async () => {
    const server = await start()
    const { headers } = await server.send()
    const nonce = headers['dpop-nonce']
    const [without, same] = [undefined, nonce].map((value) =>
      holder.proof(token, { claims: { jti: 'one', nonce: value } }),
    )
    const send = (proof = ''): Promise<Answer> =>
      server.call({ headers: dpopHeaders(token, proof) })
    expect(await send(without)).toMatchObject({ status: 401 })
    expect(await send(same)).toMatchObject({ status: 200 })
  })

  it('is unavailable, not unauthorized, while its nonces fail', async () => {
    const failing = {
      create: () => Promise.reject(new Error()),
      accepts: () => Promise.reject(new Error()),
    }
    expect(await (await start({ nonces: failing })).send()).toMatchObject({ status: 503 })
  })
})
