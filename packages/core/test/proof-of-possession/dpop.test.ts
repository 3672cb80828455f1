import { createHash } from 'node:crypto'
import {
  type Claims,
  type DpopOptions,
  direct,
  dpop,
  memoryStore,
  type Store,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type ResourceServer,
  type ResourceServerSetup,
  startResourceServer,
} from '../support/resource-server.ts'
import { createPeople, now, type Party, resource } from '../support/world.ts'
import { createHolder, dpopHeaders, type Holder, type ProofChanges } from './holder.ts'

let people: Party
let holder: Holder
let token: string

beforeAll(async () => {
  people = await createPeople()
  holder = await createHolder()
  token = await people.token({ cnf: { jkt: holder.jkt } })
})

function start(
  options: Partial<DpopOptions> = {},
  setup: Partial<ResourceServerSetup> = {},
): Promise<ResourceServer> {
  return startResourceServer({
    sources: [direct({ issuer: people.issuer() })],
    confirmations: [dpop({ store: memoryStore(), ...options })],
    ...setup,
  })
}

/** The verdict on a call with this proof. */
function verdictOn(server: ResourceServer, proof: string, path = '/mcp'): Promise<unknown> {
  return server.verdict({ path, headers: dpopHeaders(token, proof) })
}

describe('a token that is bound by DPoP', () => {
  it('is accepted with a proof of its key', async () => {
    const server = await start()
    expect(await verdictOn(server, holder.proof(token))).toMatchObject({ subject: 'jane' })
  })

  it('is accepted under the scheme in any case', async () => {
    const server = await start()
    const headers = { authorization: `dpop ${token}`, dpop: holder.proof(token) }
    expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
  })

  it.each(['ES384', 'EdDSA', 'RS256'] as const)(
    'is accepted with %s where it is allowed',
    async (algorithm) => {
      const other = await createHolder({ algorithm })
      const bound = await people.token({ cnf: { jkt: other.jkt } })
      const server = await start({ algorithms: ['ES256', algorithm] })
      const headers = dpopHeaders(bound, other.proof(bound))
      expect(await server.verdict({ headers })).toMatchObject({ subject: 'jane' })
    },
  )

  it('is accepted for a path below the resource that the proof names', async () => {
    const server = await start()
    const proof = holder.proof(token, { claims: { htu: `${resource}/tools?page=2` } })
    expect(await verdictOn(server, proof, '/mcp/tools?page=1')).toMatchObject({ subject: 'jane' })
  })

  it('is accepted for the resource where a proxy rewrote the path', async () => {
    expect(await verdictOn(await start(), holder.proof(token), '/')).toMatchObject({
      subject: 'jane',
    })
  })

  it('is accepted with a proof that limits itself, within the skew of clocks', async () => {
    const proof = holder.proof(token, { claims: { exp: now - 29, nbf: now + 30 } })
    expect(await verdictOn(await start(), proof)).toMatchObject({ subject: 'jane' })
  })

  it('is accepted with an id of 256 characters', async () => {
    const proof = holder.proof(token, { claims: { jti: 'j'.repeat(256) } })
    expect(await verdictOn(await start(), proof)).toMatchObject({ subject: 'jane' })
  })

  it('is accepted with a nonce that nobody asked for', async () => {
    const proof = holder.proof(token, { claims: { nonce: 'n' } })
    expect(await verdictOn(await start(), proof)).toMatchObject({ subject: 'jane' })
  })

  it.each([
    ['now', now],
    ['at the end of its age', now - 60],
    ['by a clock that is a little ahead', now + 30],
  ])('is accepted with a proof that was made %s', async (_when, iat) => {
    const proof = holder.proof(token, { claims: { iat } })
    expect(await verdictOn(await start(), proof)).toMatchObject({ subject: 'jane' })
  })
})

describe('the clocks of clients', () => {
  it.each([
    [0, 0, 1],
    [30, 30, 31],
    // The DPoP draft of MCP.
    [300, 300, 301],
  ])('may be ahead by as much as is stated: %d seconds', async (clockSkewSeconds, most, more) => {
    const server = await start({ clockSkewSeconds, maxAgeSeconds: 300 })
    const at = (iat: number) => verdictOn(server, holder.proof(token, { claims: { iat } }))
    expect(await at(now + most)).toMatchObject({ subject: 'jane' })
    expect(await at(now - 300)).toMatchObject({ subject: 'jane' })
    expect(await at(now + more)).toEqual({ status: 401, reason: 'dpop_iat' })
    expect(await at(now - 301)).toEqual({ status: 401, reason: 'dpop_iat' })
  })
})

describe('a proof', () => {
  const rows: readonly (readonly [string, ProofChanges, string])[] = [
    ['of no type', { header: { typ: undefined } }, 'dpop_type'],
    ['of the type JWT', { header: { typ: 'JWT' } }, 'dpop_type'],
    ['of the type of an access token', { header: { typ: 'at+jwt' } }, 'dpop_type'],
    ['with alg none', { header: { alg: 'none' } }, 'dpop_malformed_algorithm'],
    ['with a symmetric alg', { header: { alg: 'HS256' } }, 'dpop_malformed_algorithm'],
    ['with an alg that is not allowed', { header: { alg: 'ES384' } }, 'dpop_algorithm'],
    ['with a critical header', { header: { crit: ['exp'] } }, 'dpop_malformed_header_member'],
    ['with a certificate chain', { header: { x5c: ['MA'] } }, 'dpop_malformed_header_member'],
    ['without a key', { header: { jwk: undefined } }, 'dpop_malformed_header_member'],
    ['with a key as text', { header: { jwk: '{}' } }, 'dpop_malformed_header_member'],
    ['with an empty key', { header: { jwk: {} } }, 'dpop_signature'],
    ['with a symmetric key', { header: { jwk: { kty: 'oct', k: 'c2VjcmV0' } } }, 'dpop_signature'],
    ['without htm', { claims: { htm: undefined } }, 'dpop_htm'],
    ['for another method', { claims: { htm: 'GET' } }, 'dpop_htm'],
    ['for the method in lower case', { claims: { htm: 'post' } }, 'dpop_htm'],
    ['without htu', { claims: { htu: undefined } }, 'dpop_htu'],
    ['for another host', { claims: { htu: 'https://evil.example/mcp' } }, 'dpop_htu'],
    ['for another port', { claims: { htu: 'https://mcp.example.com:8443/mcp' } }, 'dpop_htu'],
    ['for http', { claims: { htu: 'http://mcp.example.com/mcp' } }, 'dpop_htu'],
    ['for a slash more', { claims: { htu: `${resource}/` } }, 'dpop_htu'],
    ['for a path below', { claims: { htu: `${resource}/tools` } }, 'dpop_htu'],
    ['for a relative path', { claims: { htu: '/mcp' } }, 'dpop_htu'],
    ['without iat', { claims: { iat: undefined } }, 'dpop_iat'],
    ['with iat as text', { claims: { iat: String(now) } }, 'dpop_bad_iat'],
    ['that is too old', { claims: { iat: now - 61 } }, 'dpop_iat'],
    ['from the future', { claims: { iat: now + 31 } }, 'dpop_iat'],
    ['that ended itself', { claims: { exp: now - 30 } }, 'dpop_expired'],
    ['that has not begun', { claims: { nbf: now + 31 } }, 'dpop_not_yet_valid'],
    ['that names no time to end', { claims: { exp: 'soon' } }, 'dpop_bad_exp'],
    ['without ath', { claims: { ath: undefined } }, 'dpop_ath'],
    ['for another token', { claims: { ath: hash('another') } }, 'dpop_ath'],
    ['without jti', { claims: { jti: undefined } }, 'dpop_jti'],
    ['with an empty jti', { claims: { jti: '' } }, 'dpop_jti'],
    ['with a number as jti', { claims: { jti: 1 } }, 'dpop_jti'],
    ['with a jti of 257 characters', { claims: { jti: 'j'.repeat(257) } }, 'dpop_jti'],
    ['with a deep claim', { claims: { deep: nested(40) } }, 'dpop_malformed_payload'],
  ]

  it.each(rows)('%s is refused', async (_form, changes, reason) => {
    const server = await start()
    expect(await verdictOn(server, holder.proof(token, changes))).toEqual({ status: 401, reason })
    expect(await verdictOn(server, holder.proof(token))).toMatchObject({ subject: 'jane' })
  })

  it.each([
    ['is empty', '', 'dpop_malformed_segments'],
    ['is not a token', 'proof', 'dpop_malformed_segments'],
    ['has its own alphabet', 'e+J.e+J.e+J', 'dpop_malformed_base64url'],
  ])('that %s is refused', async (_form, proof, reason) => {
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason })
  })

  it('that is longer than any token is refused', async () => {
    const { authenticator } = await start()
    // Over HTTP/1, Node itself answers 431 first: other transports have other limits.
    const request = { headers: dpopHeaders(token, 'a'.repeat(16_385)), method: 'POST' }
    await expect(authenticator.authenticate(request)).rejects.toMatchObject({
      reason: 'dpop_malformed_size',
    })
  })

  it('that is absent is refused', async () => {
    const headers = { authorization: `DPoP ${token}` }
    expect(await (await start()).verdict({ headers })).toEqual({
      status: 401,
      reason: 'dpop_missing',
    })
  })

  it('that comes twice is refused, even when both are good', async () => {
    const headers = {
      authorization: `DPoP ${token}`,
      dpop: [holder.proof(token), holder.proof(token)],
    }
    expect(await (await start()).verdict({ headers })).toEqual({
      status: 401,
      reason: 'dpop_duplicate',
    })
  })

  it('that was joined with a second one is refused', async () => {
    const joined = `${holder.proof(token)}, ${holder.proof(token)}`
    const { authenticator } = await start()
    const request = { headers: new Headers(dpopHeaders(token, joined)), method: 'POST' }
    await expect(authenticator.authenticate(request)).rejects.toMatchObject({
      code: 'TOK',
      reason: 'dpop_duplicate',
      dpopError: 'invalid_dpop_proof',
    })
  })

  it('of another key than the one the token is bound to is refused', async () => {
    const thief = await createHolder()
    expect(await verdictOn(await start(), thief.proof(token))).toEqual({
      status: 401,
      reason: 'dpop_key',
    })
  })

  it('that shows the bound key and is signed by another one is refused', async () => {
    const thief = await createHolder()
    const proof = thief.proof(token, { header: { jwk: holder.jwk } })
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it('whose claims were changed after signing is refused', async () => {
    const [header, , signature] = holder.proof(token).split('.')
    const [, claims] = holder.proof(token).split('.')
    const proof = [header, claims, signature].join('.')
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it('that shows its private key is refused', async () => {
    const proof = holder.proof(token, { header: { jwk: holder.privateJwk } })
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it.each([
    ['1024 bits', { modulusLength: 1024 }],
    ['the exponent 3', { publicExponent: 3 }],
  ])('of an RSA key with %s is refused', async (_fault, weakness) => {
    const weak = await createHolder({ algorithm: 'RS256', ...weakness })
    const bound = await people.token({ cnf: { jkt: weak.jkt } })
    const server = await start({ algorithms: ['RS256'] })
    const headers = dpopHeaders(bound, weak.proof(bound))
    expect(await server.verdict({ headers })).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it('of a point that is not on its curve is refused', async () => {
    const jwk = { ...holder.jwk, y: holder.jwk.x }
    const proof = holder.proof(token, { header: { jwk } })
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it('whose key is for another algorithm is refused', async () => {
    const proof = holder.proof(token, { header: { jwk: { ...holder.jwk, alg: 'ES384' } } })
    expect(await verdictOn(await start(), proof)).toEqual({ status: 401, reason: 'dpop_signature' })
  })

  it('for the host that the request names is refused: that is not the resource', async () => {
    const proof = holder.proof(token, { claims: { htu: 'https://evil.example/mcp' } })
    const headers = {
      ...dpopHeaders(token, proof),
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
    }
    expect(await (await start()).verdict({ headers })).toEqual({ status: 401, reason: 'dpop_htu' })
  })

  it('for the resource is refused on a path below it', async () => {
    expect(await verdictOn(await start(), holder.proof(token), '/mcp/admin')).toEqual({
      status: 401,
      reason: 'dpop_htu',
    })
  })

  it('is refused where nobody tells the method of the request', async () => {
    const { authenticator } = await start()
    const request = { headers: dpopHeaders(token, holder.proof(token)) }
    await expect(authenticator.authenticate(request)).rejects.toMatchObject({ reason: 'dpop_htm' })
  })
})

describe('a token whose binding is malformed', () => {
  it.each([
    ['a number', 1],
    ['a list', ['x']],
  ])('is refused: %s', async (_form, jkt) => {
    const bound = await people.token({ cnf: { jkt } })
    const headers = dpopHeaders(bound, holder.proof(bound))
    expect(await (await start()).verdict({ headers })).toEqual({ status: 401, reason: 'dpop_key' })
  })
})

describe('a proof that was used', () => {
  const replayed = { status: 401, reason: 'dpop_replayed' }

  it('is refused', async () => {
    const server = await start()
    const proof = holder.proof(token)
    expect(await verdictOn(server, proof)).toMatchObject({ subject: 'jane' })
    expect(await verdictOn(server, proof)).toEqual(replayed)
  })

  it('is refused by another process that shares the store', async () => {
    const store = memoryStore()
    const [first, second] = [await start({ store }), await start({ store })]
    const proof = holder.proof(token)
    expect(await verdictOn(first, proof)).toMatchObject({ subject: 'jane' })
    expect(await verdictOn(second, proof)).toEqual(replayed)
  })

  it('is refused under another signature with the same id', async () => {
    const server = await start()
    const claims = { jti: 'used-once' }
    expect(await verdictOn(server, holder.proof(token, { claims }))).toMatchObject({ kind: 'user' })
    expect(await verdictOn(server, holder.proof(token, { claims }))).toEqual(replayed)
  })

  it('admits one of many calls at the same time', async () => {
    const server = await start()
    const headers = dpopHeaders(token, holder.proof(token))
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.call({ headers })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('does not count as the same id of another key', async () => {
    const server = await start()
    const other = await createHolder()
    const bound = await people.token({ cnf: { jkt: other.jkt } })
    const claims = { jti: 'same' }
    expect(await verdictOn(server, holder.proof(token, { claims }))).toMatchObject({ kind: 'user' })
    const headers = dpopHeaders(bound, other.proof(bound, { claims }))
    expect(await server.verdict({ headers })).toMatchObject({ kind: 'user' })
  })

  it('is remembered for as long as it could be accepted', async () => {
    let time = now
    const store = memoryStore({ monotonic: () => time })
    const server = await start({ store }, { clock: () => time })
    const proof = holder.proof(token, { claims: { iat: now + 30 } })
    expect(await verdictOn(server, proof)).toMatchObject({ subject: 'jane' })
    time = now + 90
    expect(await verdictOn(server, proof)).toEqual(replayed)
    time = now + 91
    expect(await verdictOn(server, proof)).toEqual({ status: 401, reason: 'dpop_iat' })
  })

  it('is not remembered when it was refused', async () => {
    const server = await start()
    const jti = 'tried-before'
    const early = holder.proof(token, { claims: { jti, iat: now + 60 } })
    expect(await verdictOn(server, early)).toEqual({ status: 401, reason: 'dpop_iat' })
    const proof = holder.proof(token, { claims: { jti } })
    expect(await verdictOn(server, proof)).toMatchObject({ subject: 'jane' })
  })
})

describe('a store of proofs', () => {
  const unavailable = { status: 503, reason: 'store_unavailable' }

  it('that is full refuses without blaming the caller', async () => {
    const server = await start({ store: memoryStore({ maxEntries: 1 }) })
    expect(await verdictOn(server, holder.proof(token))).toMatchObject({ subject: 'jane' })
    const answer = await server.call({ headers: dpopHeaders(token, holder.proof(token)) })
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expect(await verdictOn(server, holder.proof(token))).toEqual(unavailable)
  })

  it('that one client floods accepts the proofs of other clients and subjects', async () => {
    const server = await start({ store: memoryStore({ maxEntries: 12 }) })
    const verdictOf = async (claims: Claims): Promise<unknown> => {
      const bound = await people.token({ cnf: { jkt: holder.jkt }, ...claims })
      return server.verdict({ headers: dpopHeaders(bound, holder.proof(bound)) })
    }
    for (let proofs = 0; proofs < 12; proofs++) await verdictOf({ client_id: 'flooding' })
    expect(await verdictOf({ client_id: 'flooding' })).toEqual(unavailable)
    expect(await verdictOf({ client_id: 'other' })).toMatchObject({ subject: 'jane' })
    expect(await verdictOf({ sub: 'joe', client_id: 'flooding' })).toMatchObject({ subject: 'joe' })
    expect(await verdictOf({ client_id: 'flooding' })).toEqual(unavailable)
  })

  it('that fails refuses without blaming the caller', async () => {
    const failing = { ...memoryStore(), add: () => Promise.reject(new Error('no connection')) }
    expect(await verdictOn(await start({ store: failing }), holder.proof(token))).toEqual(
      unavailable,
    )
  })

  it('that throws at once refuses without blaming the caller', async () => {
    const throwing: Store = {
      ...memoryStore(),
      add() {
        throw new Error('closed')
      },
    }
    expect(await verdictOn(await start({ store: throwing }), holder.proof(token))).toEqual(
      unavailable,
    )
  })

  it('that never answers is given up', async () => {
    const silent = { ...memoryStore(), add: () => new Promise<never>(() => undefined) }
    expect(await verdictOn(await start({ store: silent }), holder.proof(token))).toEqual(
      unavailable,
    )
  })

  it('never learns an id, a key or a token', async () => {
    const keys: string[] = []
    const inner = memoryStore()
    const store: Store = {
      ...inner,
      add: (key, value, ttlSeconds) => {
        keys.push(key, value)
        return inner.add(key, value, ttlSeconds)
      },
    }
    const proof = holder.proof(token, { claims: { jti: 'a-very-secret-id' } })
    await verdictOn(await start({ store }), proof)
    expect(keys).toEqual([expect.stringMatching(/^dpop:[\w-]{43}$/), ''])
  })
})

describe('the options of dpop', () => {
  it.each([
    [{ store: undefined as unknown as Store }, 'store is required'],
    [{ maxAgeSeconds: 0 }, 'maxAgeSeconds must be from 1 to 600'],
    [{ maxAgeSeconds: Number.NaN }, 'maxAgeSeconds must be from 1 to 600'],
    [{ maxAgeSeconds: Number.POSITIVE_INFINITY }, 'maxAgeSeconds must be from 1 to 600'],
    [{ clockSkewSeconds: -1 }, 'clockSkewSeconds must be from 0 to 300'],
    [{ clockSkewSeconds: 301 }, 'clockSkewSeconds must be from 0 to 300'],
    [{ clockSkewSeconds: Number.NaN }, 'clockSkewSeconds must be from 0 to 300'],
    [{ algorithms: [] }, 'algorithms must name asymmetric signature algorithms'],
    [{ algorithms: ['HS256' as never] }, 'algorithms must name asymmetric signature algorithms'],
  ])('are refused at creation: %o', (options, message) => {
    expect(() => dpop({ store: memoryStore(), ...options })).toThrow(new TypeError(message))
  })

  it.each([
    { maxAgeSeconds: 1 },
    { maxAgeSeconds: 600 },
    { clockSkewSeconds: 0 },
    { clockSkewSeconds: 300 },
  ])('reach as far as they say: %o', (options) => {
    expect(dpop({ store: memoryStore(), ...options }).member).toBe('jkt')
  })
})

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)]
}
