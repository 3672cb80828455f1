import { direct, issuer } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName } from './support/names.ts'
import { bearer, startDirect, startServer } from './support/server.ts'
import { costsAtMost } from './support/timing.ts'
import {
  type Changes,
  claimsOf,
  compact,
  encode,
  headerOf,
  mint,
  withMember,
} from './support/token.ts'

const key = createKey('ES256')

describe('B11 a token of another kind', () => {
  const types = [
    'logout+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'oauth-authz-req+jwt',
    'oauth-id-jag+jwt',
    'kb+jwt',
    'vc+sd-jwt',
    'client-authentication+jwt',
    'token-introspection+jwt',
    'id_token+jwt',
    'JOSE',
    'at+jwt ',
    '',
  ]
  const kinds = types.map((typ) => ({ variant: `typ ${JSON.stringify(typ)}`, typ }))

  it.each(kinds)('B11 refuses a foreign type in both modes: $variant', async ({ typ }) => {
    const lines = bearer(mint(key, { header: { typ } }))
    for (const tokenType of ['at+jwt', 'compatible'] as const) {
      const server = await startDirect(key, { tokenType })
      await expectRefused(server, lines, { code: 'TOK', reason: 'token_type' })
    }
  })

  it.each([1, ['at+jwt'], null, { typ: 'at+jwt' }])(
    'B11 refuses a type that is not a string: %j',
    async (typ) => {
      const server = await startDirect(key, { tokenType: 'compatible' })
      const lines = bearer(mint(key, { header: { typ } }))
      await expectRefused(server, lines, { code: 'TOK', reason: 'malformed_type' })
    },
  )

  it.each(['JWT', 'jwt', 'application/jwt', undefined])(
    'B11 refuses a token that does not say it is an access token in strict mode: %s',
    async (typ) => {
      const lines = bearer(mint(key, { header: { typ } }))
      const strict = await startDirect(key)
      await expectRefused(strict, lines, { code: 'TOK', reason: 'token_type' })
      await expectAccepted(await startDirect(key, { tokenType: 'compatible' }), lines)
    },
  )

  const logout = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const markers: readonly (readonly [string, Changes])[] = [
    ['nonce', { nonce: 'n' }],
    ['at_hash', { at_hash: 'h' }],
    ['c_hash', { c_hash: 'h' }],
    ['s_hash', { s_hash: 'h' }],
    ['an ID token with nonce and at_hash', { nonce: 'n', at_hash: 'h', auth_time: 1 }],
    ['token_use id', { token_use: 'id' }],
    ['token_use refresh', { token_use: 'refresh' }],
    ['token_use in an array', { token_use: ['access'] }],
    ['events of a logout token', { events: logout }],
    ['empty events', { events: {} }],
  ]

  it.each(markers)(
    'B11 refuses the marks of another kind in both modes: %s',
    async (_v, claims) => {
      for (const [tokenType, typ] of [
        ['at+jwt', 'at+jwt'],
        ['compatible', 'JWT'],
      ] as const) {
        const server = await startDirect(key, { tokenType })
        const lines = bearer(mint(key, { claims, header: { typ } }))
        await expectRefused(server, lines, { code: 'TOK', reason: 'token_type' })
      }
    },
  )
})

describe('B12 claims of mixed types', () => {
  it.each([42, '', null, undefined, true, { id: 'ada' }, ['ada']].map((sub) => [sub]))(
    'B12 refuses a subject that is not text: %j',
    async (sub) => {
      const server = await startDirect(key)
      const lines = bearer(mint(key, { claims: { sub } }))
      await expectRefused(server, lines, { code: 'TOK', reason: 'subject' })
    },
  )

  const lists: readonly (readonly [string, Changes, object])[] = [
    ['scope as text', { scope: 'a b' }, { scopes: ['a', 'b'] }],
    ['scope as an array', { scope: ['a', 'b'] }, { scopes: ['a', 'b'] }],
    ['scope with an empty part', { scope: ' a  a ' }, { scopes: ['a'] }],
    ['scp and scope agree', { scope: 'a b', scp: ['a', 'b'] }, { scopes: ['a', 'b'] }],
    ['roles as an array', { roles: ['admin'] }, { roles: ['admin'] }],
    ['roles as text is one name', { roles: 'admin user' }, { roles: ['admin user'] }],
  ]

  it.each(lists)(
    'B12 turns lists into text by exact rules: %s',
    async (_variant, claims, facts) => {
      const server = await startDirect(key)
      await expectAccepted(server, bearer(mint(key, { claims })))
      expect(server.handled[0]).toMatchObject(facts)
    },
  )

  const dropped: readonly (readonly [string, Changes, 'roles' | 'scopes'])[] = [
    ['scope as a number', { scope: 7 }, 'scopes'],
    ['scope as an object', { scope: { admin: true } }, 'scopes'],
    ['scope with a number inside', { scope: ['a', 1] }, 'scopes'],
    ['scope nested', { scope: [['a']] }, 'scopes'],
    ['scp and scope disagree', { scope: 'admin', scp: 'read' }, 'scopes'],
    ['scp wider than scope', { scope: 'read', scp: ['read', 'admin'] }, 'scopes'],
    ['roles as an object', { roles: { admin: true } }, 'roles'],
    ['roles of objects', { roles: [{ name: 'admin' }] }, 'roles'],
    ['roles as true', { roles: true }, 'roles'],
  ]

  it.each(dropped)('B12 drops a list it cannot read and says so: %s', async (_v, claims, claim) => {
    const server = await startDirect(key)
    await expectAccepted(server, bearer(mint(key, { claims })))
    expect(server.handled[0]?.[claim]).toEqual([])
    expect(server.events).toContainEqual({ type: 'claim_dropped', claim })
  })

  it('B12 never finds a role inside the name of another', async () => {
    const server = await startDirect(key, { claimMap: { roles: 'groups' } })
    await expectAccepted(server, bearer(mint(key, { claims: { groups: 'administrators' } })))
    expect(server.handled[0]?.roles).toEqual(['administrators'])
    expect(server.handled[0]?.roles.includes('admin')).toBe(false)
  })

  it.each([['client_id and azp disagree', { client_id: 'agent', azp: 'other' }]])(
    'B12 refuses two answers to one question: %s',
    async (_variant, claims) => {
      const server = await startDirect(key)
      const lines = bearer(mint(key, { claims }))
      await expectRefused(server, lines, { code: 'TOK', reason: 'client_ambiguous' })
    },
  )

  it.each([42, ['ada@example.com'], { value: 'ada@example.com' }, true, null])(
    'B12 does not show an email address that is not text: %j',
    async (email) => {
      const server = await startDirect(key)
      await expectAccepted(server, bearer(mint(key, { claims: { email, email_verified: true } })))
      expect(server.handled[0]?.claims).not.toHaveProperty('email')
    },
  )
})

describe('B13 prototype pollution', () => {
  const polluted = [
    ['__proto__', '"__proto__":{"admin":true}'],
    ['constructor.prototype', '"constructor":{"prototype":{"admin":true}}'],
    ['prototype', '"prototype":{"admin":true}'],
    ['__proto__ with an escape', '"\\u005f_proto__":{"admin":true}'],
    ['nested', '"x":{"__proto__":{"admin":true},"y":[{"__proto__":{"admin":true}}]}'],
    ['inside the organization', '"org_id":"acme","org_name":{"__proto__":{"admin":true}}'],
    ['__defineGetter__', '"__defineGetter__":1'],
  ] as const

  it.each(polluted)('B13 lets no claim reach a prototype: %s', async (_variant, member) => {
    const server = await startDirect(key)
    const token = compact(headerOf(key), withMember(claimsOf(), member), signWith(key))
    await expectAccepted(server, bearer(token))
    const claims = server.handled[0]?.claims as Record<string, unknown>
    const copies = [claims, { ...claims }, Object.assign({}, claims), merge({}, claims)]
    for (const copy of copies) expect((copy as { admin?: unknown }).admin).toBeUndefined()
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
    expect(Object.getPrototypeOf(claims)).toBeNull()
  })

  it('B13 freezes the identity to its last member', async () => {
    const server = await startDirect(key)
    const claims = {
      roles: ['a'],
      org_id: 'acme',
      act: { sub: 'agent', act: { sub: 'older' } },
      deep: { list: [{ x: 1 }] },
    }
    await expectAccepted(server, bearer(mint(key, { claims })))
    const [identity] = server.handled
    expect(unfrozen(identity)).toEqual([])
    expect(Object.getPrototypeOf(identity)).toBeNull()
    const roles = identity?.roles as string[] | undefined
    expect(() => roles?.push('admin')).toThrow(TypeError)
  })

  it('B13 does not take a header member from a prototype', async () => {
    const header = headerOf(key, { header: { alg: undefined } })
    const token = compact(
      withMember(header, '"__proto__":{"alg":"ES256"}'),
      claimsOf(),
      signWith(key),
    )
    const expected = { code: 'TOK', reason: 'malformed_algorithm' } as const
    await expectRefused(await startDirect(key), bearer(token), expected)
  })

  /** What careless handlers do. */
  function merge(target: Record<string, unknown>, from: Record<string, unknown>): object {
    for (const [name, value] of Object.entries(from)) {
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value)
      target[name] = nested ? merge((target[name] ?? {}) as never, value as never) : value
    }
    return target
  }

  function unfrozen(value: unknown, path = 'identity'): string[] {
    if (typeof value !== 'object' || value === null) return []
    const inner = Object.entries(value).flatMap(([name, member]) =>
      unfrozen(member, `${path}.${name}`),
    )
    return Object.isFrozen(value) ? inner : [path, ...inner]
  }
})

describe('B14 deep and wide JSON', () => {
  const arrays = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
  const claim = (json: string): string =>
    compact(headerOf(key), withMember(claimsOf(), `"x":${json}`), signWith(key))
  const member = (json: string): string =>
    compact(withMember(headerOf(key), `"x":${json}`), claimsOf(), signWith(key))
  const roomy = { http: { maxHeaderSize: 1 << 22 } }

  const rows = [
    ['33 arrays in a claim', claim(arrays(32)), 'malformed_payload'],
    ['33 objects in a claim', claim(objects(32)), 'malformed_payload'],
    ['4500 arrays in a claim', claim(arrays(4500)), 'malformed_payload'],
    ['5000 unclosed arrays', claim('['.repeat(5000)), 'malformed_payload'],
    ['33 arrays in the header', member(arrays(32)), 'malformed_header'],
    ['5000 unclosed arrays in the header', member('['.repeat(5000)), 'malformed_header'],
    ['100000 members in the header', member(wide(100_000)), 'malformed_size'],
    ['100000 members in the claims', claim(wide(100_000)), 'malformed_size'],
  ] as const

  function wide(members: number): string {
    return JSON.stringify(Object.fromEntries(Array.from({ length: members }, (_, n) => [n, 1])))
  }

  it.each(rows)(
    'B14 refuses JSON that later readers could not walk: %s',
    async (_v, token, reason) => {
      const server = await startDirect(key, {}, roomy)
      await expectRefused(server, bearer(token), { code: 'TOK', reason })
    },
  )

  it.each([
    ['31 arrays', claim(arrays(31))],
    ['31 objects', claim(objects(31))],
    ['brackets inside text', claim(JSON.stringify('['.repeat(500)))],
    ['a thousand members', claim(wide(1000))],
  ])('B14 accepts what can be written down again: %s', async (_variant, token) => {
    const server = await startDirect(key, {}, roomy)
    await expectAccepted(server, bearer(token))
    const [identity] = server.handled
    expect(JSON.parse(JSON.stringify(identity))).toEqual(structuredClone({ ...identity }))
  })

  it('B14 bounds the chain of actors', async () => {
    const chain = (n: number): object => ({ sub: `a${n}`, ...(n > 1 && { act: chain(n - 1) }) })
    const server = await startDirect(key)
    await expectAccepted(server, bearer(mint(key, { claims: { act: chain(8) } })))
    const lines = bearer(mint(key, { claims: { act: chain(9) } }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'bad_act' })
  })
})

describe('B15 a huge token', () => {
  const megabyte = 1 << 20
  const rows = [
    ['a megabyte of dots', '.'.repeat(megabyte), 'malformed_size'],
    ['a megabyte in one segment', `${'A'.repeat(megabyte)}.e30.AAAA`, 'malformed_size'],
    ['a megabyte of signature', `${mint(key)}${'A'.repeat(megabyte)}`, 'malformed_size'],
    ['16385 characters', 'A'.repeat(16_385), 'malformed_size'],
    ['16384 dots', '.'.repeat(16_384), 'opaque_token'],
  ] as const

  it.each(rows)('B15 refuses by length before it reads anything: %s', async (_v, token, reason) => {
    const server = await startDirect(key, {}, { http: { maxHeaderSize: 1 << 22 } })
    await expectRefused(server, bearer(token), { code: 'TOK', reason })
  })

  it('B15 spends no more on a megabyte than on copying it', async () => {
    const { authenticator } = await startDirect(key)
    const refuse = (text: string) => () =>
      authenticator
        .authenticate({ headers: { authorization: `Bearer ${text}` } })
        .catch(() => undefined)
    const dots = '.'.repeat(megabyte)
    const ordinary = refuse('a.b.c')
    const scan = (): unknown => ordinary().then(() => /[^.]/.test(dots))
    expect(await costsAtMost(20, refuse(dots), scan)).toBe(true)
  })

  it('B15 never sees headers over the limit of Node', async () => {
    const server = await startDirect(key)
    const answer = await server.send(bearer('A'.repeat(20_000)))
    expect([answer.status, server.handled.length, server.events.length]).toEqual([431, 0, 0])
  })
})

describe('B16 identifiers that change hands', () => {
  const unverified: readonly (readonly [string, Changes])[] = [
    ['no email_verified', {}],
    ['false', { email_verified: false }],
    ['the text yes', { email_verified: 'yes' }],
    ['the text True', { email_verified: 'True' }],
    ['1', { email_verified: 1 }],
    ['an array', { email_verified: [true] }],
    ['null', { email_verified: null }],
  ]

  it.each(unverified)(
    'B16 hides an email address that nobody verified: %s',
    async (_v, verified) => {
      const server = await startDirect(key)
      const claims = { email: 'ada@victim.example', ...verified }
      await expectAccepted(server, bearer(mint(key, { claims })))
      expect(JSON.stringify(server.handled)).not.toContain('victim')
    },
  )

  it('B16 never makes an email address the subject, the principal or the client', async () => {
    const server = await startDirect(key)
    const claims = {
      sub: 'a1',
      email: 'eve@x@victim.example',
      email_verified: true,
      preferred_username: 'root@victim.example',
      upn: 'root@victim.example',
    }
    await expectAccepted(server, bearer(mint(key, { claims })))
    const [identity] = server.handled
    const { claims: shown, ...facts } = identity as NonNullable<typeof identity>
    expect(shown).toMatchObject({ email: 'eve@x@victim.example' })
    expect(JSON.stringify(facts)).not.toContain('victim')
    const info = createAuthInfo(identity as never, { ...server.authenticator })
    expect(JSON.stringify(info)).not.toContain('victim')
  })

  it('B16 shows a verified address to nobody else than the handler', async () => {
    const trusted = issuer({
      iss: issuerName,
      audience,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys: { jwks: { keys: [key.jwk] } },
      scopes: 'admin',
    })
    const server = await startServer({ sources: [direct({ issuer: trusted })] })
    const claims = { email: 'ada@victim.example', email_verified: true }
    const answer = await server.send(bearer(mint(key, { claims })))
    expect(answer.status).toBe(403)
    const seen = JSON.stringify([answer, server.events, server.thrown])
    expect(seen).not.toContain('victim')
    expect(seen).not.toContain(encode('victim').slice(0, 7))
  })
})
