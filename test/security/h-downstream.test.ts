import { inspect } from 'node:util'
import { type Identity, memoryStore, type Store } from '@onbehalf/core'
import { path, tokenExchange } from '@onbehalf/downstream'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  client,
  createWorld,
  failWith,
  issueToken,
  refusalOf,
  type World,
} from '../../packages/downstream/test/support/scripted.ts'
import { json, serve } from '../../packages/downstream/test/support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  // From now on the authenticator keeps what identities were made of.
  world.create()
})
afterAll(() => world.close())
beforeEach(() => {
  world.ahead = 0
  world.events.length = 0
  world.tokens.received.length = 0
  world.tokens.answer = issueToken
  world.api.received.length = 0
  world.api.answer = (_request, res) => json(res, 200, { ok: true })
})

/** The tokens that the API received. */
const used = (): readonly string[] =>
  world.api.received.map(({ headers }) => String(headers.authorization))
/** The subjects' tokens that were sent to the token endpoint. */
const exchanged = (): readonly string[] =>
  world.tokens.received.map(({ form }) => form.get('subject_token') ?? '')

const call = async (user: Identity, where = '/me', of = world.create()): Promise<Response> =>
  of.ledger.fetch(user, where)

describe('H a token for an API', () => {
  it.each([
    '//evil.example.com/me',
    '/\\evil.example.com/me',
    'https://evil.example.com/v1/me',
    'http://evil.example.com@127.0.0.1/v1/me',
    'http://127.0.0.1:1/v1/me',
    'http://localhost/v1/me',
    'http:evil.example.com',
    '@evil.example.com/me',
    '.evil.example.com/me',
    '/me\r\nHost: evil.example.com',
  ])('H1 is never sent to another origin: %j', async (where) => {
    const error = await refusalOf(call(await world.as('ada'), where))
    expect(error.code).toBe('TARGET')
    expect([...world.api.received, ...world.tokens.received]).toEqual([])
  })

  it('H1 is never sent to another origin by a Request of a client library', async () => {
    const send = world.create().ledger.fetchAs(await world.as('ada'))
    const error = await refusalOf(send(new Request('https://evil.example.com/v1/me')))
    expect(error).toMatchObject({ code: 'TARGET', reason: 'other_origin' })
  })

  it.each([301, 302, 303, 307, 308])('H2 does not follow a redirect: %i', async (status) => {
    const evil = await serve((_req, res) => void res.end('{}'))
    const seen = vi.fn<() => void>()
    world.api.answer = (_request, res) => {
      seen()
      res.writeHead(status, { location: `${evil.url}/v1/me` }).end()
    }
    const error = await refusalOf(call(await world.as('ada')))
    expect(error).toMatchObject({ code: 'TARGET', reason: 'redirect' })
    expect(seen).toHaveBeenCalledTimes(1)
    await evil.close()
  })

  it("H2 does not follow a redirect of a token endpoint, with a user's token in its body", async () => {
    const evil = vi.fn<() => void>()
    const other = await serve((_req, res) => {
      evil()
      res.end('{}')
    })
    world.tokens.answer = (_request, res) => res.writeHead(307, { location: other.url }).end()
    const error = await refusalOf(call(await world.as('ada')))
    expect(error).toMatchObject({ code: 'DOWN', reason: 'token_endpoint_redirects' })
    expect(evil).not.toHaveBeenCalled()
    await other.close()
  })

  /** Everything that a handler, a model, a log or an operator can obtain, as text. */
  const seenIn = (...values: readonly unknown[]): string =>
    [
      inspect(values, { depth: 20, showHidden: true, getters: true }),
      JSON.stringify(values),
      ...values.map((value) => (value instanceof Error ? String(value) : '')),
    ].join('\n')

  it.each(['invalid_grant', 'consent_required', 'server_error', '__proto__'])(
    'H3 is in no error, whatever the authorization server says: %s',
    async (error) => {
      const ada = await world.as('ada')
      let presented = ''
      world.tokens.answer = ({ form }, res) => {
        presented = form.get('subject_token') ?? ''
        const said = { error_description: `${presented} is not good for ada@example.com` }
        failWith(error, said)({} as never, res)
      }
      const refusal = await refusalOf(call(ada))
      expect(presented).toMatch(/^ey/)
      const text = seenIn(refusal, refusal.cause, refusal.stack, refusal.message)
      for (const part of [...presented.split('.'), client.secret, 'ada@']) {
        expect(text).not.toContain(part)
      }
      expect(refusal.message).toMatch(/^[A-Z][A-Za-z ]+ \(ledger: [a-z_]+\)\.$/)
    },
  )

  it('H4 is in no event, and on nothing that a handler holds', async () => {
    const log = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const downstream = world.create({ allowTokenAccess: true })
    const ada = await world.as('ada')
    await call(ada, '/me', downstream)
    const token = await downstream.ledger.token(ada)
    const [subjectToken = ''] = exchanged()
    world.tokens.answer = failWith('invalid_grant', { error_description: subjectToken })
    await refusalOf(call(await world.as('bob'), '/me', downstream))
    const text = seenIn(ada, downstream, token, world.events, log.mock.calls)
    expect(world.events.map(({ type }) => type)).toEqual(['token_obtained', 'refused'])
    for (const part of [...subjectToken.split('.'), token.reveal(), client.secret]) {
      expect(text).not.toContain(part)
    }
    log.mockRestore()
  })

  describe('in a store that servers share', () => {
    const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]

    function watched(): Store & { readonly entries: Map<string, string> } {
      const entries = new Map<string, string>()
      return {
        entries,
        add: async () => true,
        get: async (name) => entries.get(name),
        set: async (name, value) => void entries.set(name, value),
      }
    }

    it('H5 is shared by processes of one server, and unreadable to others', async () => {
      const store = watched()
      const sharedTokens = { store, keys: [key] }
      // Long names: a few letters may be in what is encrypted by chance.
      const names = ['ada-of-the-accounting-department', 'the-organization-of-ada']
      const ada = await world.as(names[0] ?? '', { tenants: names[1] })
      await call(ada, '/me', world.create({}, { sharedTokens }))
      await call(ada, '/me', world.create({}, { sharedTokens }))
      expect(exchanged()).toHaveLength(1)
      const [token = ''] = used()
      const kept = JSON.stringify([...store.entries])
      expect(store.entries.size).toBe(1)
      for (const secret of [token.slice('Bearer '.length), ...names]) {
        expect(kept).not.toContain(secret)
      }
      await call(ada, '/me', world.create({}, { sharedTokens: { store, keys: [other] } }))
      expect(exchanged()).toHaveLength(2)
      expect(new Set(used()).size).toBe(2)
    })

    it('H5 is still found while keys are being rotated', async () => {
      const store = watched()
      const ada = await world.as('ada')
      await call(ada, '/me', world.create({}, { sharedTokens: { store, keys: [key] } }))
      await call(ada, '/me', world.create({}, { sharedTokens: { store, keys: [other, key] } }))
      expect(exchanged()).toHaveLength(1)
    })

    it.each([
      ['another client', { client: { ...client, id: 'another' } }],
      ['another issuer', { issuer: 'https://other.example.com' }],
    ])('H5 is not taken over by %s', async (_who, different) => {
      const sharedTokens = { store: watched(), keys: [key] }
      const ada = await world.as('ada')
      await call(ada, '/me', world.create({}, { sharedTokens }))
      const options = { issuer: 'https://login.example.com', client, ...different }
      const grant = tokenExchange({ ...options, tokenEndpoint: `${world.tokens.url}/token` })
      await call(ada, '/me', world.create({ grant }, { sharedTokens }))
      expect(exchanged()).toHaveLength(2)
    })

    it("H5 does not open in another user's place, nor after a change", async () => {
      const store = watched()
      const sharedTokens = { store, keys: [key] }
      const [ada, bob] = [await world.as('ada'), await world.as('bob')]
      await call(ada, '/me', world.create({}, { sharedTokens }))
      await call(bob, '/me', world.create({}, { sharedTokens }))
      const [adaName = '', bobName = ''] = [...store.entries.keys()]
      const adaValue = store.entries.get(adaName) ?? ''
      store.entries.set(bobName, adaValue)
      store.entries.set(adaName, `${adaValue.slice(0, -2)}AA`)
      await call(bob, '/me', world.create({}, { sharedTokens }))
      await call(ada, '/me', world.create({}, { sharedTokens }))
      expect(exchanged()).toHaveLength(4)
      expect(new Set(used()).size).toBe(4)
    })

    it('H5 is obtained again where the store fails', async () => {
      const failing = { ...memoryStore(), get: () => Promise.reject(new Error('down')) }
      const sharedTokens = { store: failing, keys: [key] }
      expect(
        (await call(await world.as('ada'), '/me', world.create({}, { sharedTokens }))).ok,
      ).toBe(true)
      expect(world.events.map(({ type }) => type)).toContain('shared_tokens_failed')
    })
  })

  it.each([
    ['organization', { tenants: 'umbrella' }],
    ['client', { client_id: 'other-app' }],
    ['actor', { act: { sub: 'agent' } }],
    ['set of scopes', { scope: 'mcp' }],
    ['set of roles', { roles: ['admin'] }],
    ['session', { sid: 's2' }],
    ['kind of sign-in', { acr: 'mfa' }],
  ])('H6 is not used for another %s of the same user', async (_what, claims) => {
    const downstream = world.create()
    await call(await world.as('ada'), '/me', downstream)
    await call(await world.as('ada', claims), '/me', downstream)
    await call(await world.as('ada'), '/me', downstream)
    expect(exchanged()).toHaveLength(2)
    const [one, two, three] = used()
    expect(one).toBe(three)
    expect(two).not.toBe(one)
  })

  describe('after a revocation', () => {
    it.each(['subject', 'tokenId', 'sessionId'] as const)(
      'H7 is not used by a call that still runs: %s',
      async (member) => {
        const downstream = world.create()
        const ada = await world.as(`ada-${member}`, { sid: `sid-${member}`, jti: `jti-${member}` })
        await call(ada, '/me', downstream)
        const { issuer, subject, tokenId = '' } = ada
        const ids = { subject, tokenId, sessionId: `sid-${member}` }
        await world.authenticator.revoke({ issuer, [member]: ids[member] } as never)
        const error = await refusalOf(call(ada, '/me', downstream))
        expect(error).toMatchObject({ code: 'SUBJECT', reason: 'revoked' })
        expect(used()).toHaveLength(1)
      },
    )

    it('H7 is not used after the user signed in again', async () => {
      const downstream = world.create()
      const user = await world.as('carol')
      await call(user, '/me', downstream)
      const { issuer, subject } = user
      await world.authenticator.revoke({ issuer, subject })
      world.ahead = 60
      await call(await world.as('carol'), '/me', downstream)
      expect(exchanged()).toHaveLength(2)
      expect(new Set(used()).size).toBe(2)
    })

    it('H7 is not kept when it was obtained while the user was revoked', async () => {
      const downstream = world.create()
      const user = await world.as('dave')
      world.tokens.answer = async (request, res) => {
        await world.authenticator.revoke({ issuer: user.issuer, subject: 'dave' })
        return issueToken(request, res)
      }
      const error = await refusalOf(call(user, '/me', downstream))
      expect(error).toMatchObject({ code: 'SUBJECT', reason: 'revoked' })
      expect(used()).toEqual([])
    })
  })

  it("H8 is not used after the subject's token expired", async () => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await call(ada, '/me', downstream)
    world.ahead = 301
    const error = await refusalOf(call(ada, '/me', downstream))
    expect(error).toMatchObject({ code: 'SUBJECT', reason: 'identity_expired' })
    expect(used()).toHaveLength(1)
  })

  it('H8 is not used itself once it is about to expire', async () => {
    const downstream = world.create()
    await call(await world.as('ada'), '/me', downstream)
    world.ahead = 271
    await call(await world.as('ada'), '/me', downstream)
    expect(new Set(used()).size).toBe(2)
  })

  it.each([{ robot: true }, { sub: 'web' }])(
    'H9 is not obtained for a service: %j',
    async (claims) => {
      const robot = await world.as('web', claims)
      expect(robot.kind).toBe('service')
      const error = await refusalOf(call(robot))
      expect(error).toMatchObject({ code: 'SUBJECT', reason: 'not_a_user' })
      expect(exchanged()).toEqual([])
    },
  )

  it('H10 has no scope that was not asked for', async () => {
    world.tokens.answer = (_request, res) =>
      json(res, 200, {
        access_token: 'broad',
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'read write admin',
      })
    const of = world.create({ audience: 'ledger', scopes: ['read'] })
    const error = await refusalOf(call(await world.as('ada'), '/me', of))
    expect(error).toMatchObject({ code: 'REFUSED', reason: 'scope_too_broad' })
    expect(used()).toEqual([])
  })

  it('H10 is not the one of a session with more scopes', async () => {
    const downstream = world.create()
    await call(await world.as('ada', { scope: 'mcp mcp.admin' }), '/me', downstream)
    await call(await world.as('ada', { scope: 'mcp' }), '/me', downstream)
    expect(new Set(used()).size).toBe(2)
  })

  it.each(['../../admin', '..', '%2e%2e', '..%2fadmin', '%252e%252e', '..;', '..\\admin'])(
    'H11 does not climb where an argument leads: %j',
    async (argument) => {
      const error = await refusalOf(call(await world.as('ada'), `/users/${argument}/mail`))
      expect(error.code).toBe('TARGET')
      expect(world.api.received).toEqual([])
    },
  )

  it.each(['a/b', 'a?admin=1', 'a#b', '//evil.example.com', 'x@evil.example.com'])(
    'H11 stays at the path that was built, whatever an argument says: %j',
    async (argument) => {
      await call(await world.as('ada'), path`/users/${argument}/mail`)
      expect(world.api.received[0]?.path).toBe(`/v1/users/${encodeURIComponent(argument)}/mail`)
    },
  )

  it.each(['Authorization', 'Cookie', 'Host'])(
    "H11 is not replaced by a handler's own: %s",
    async (name) => {
      const init = { headers: { [name]: 'x' } }
      const error = await refusalOf(world.create().ledger.fetch(await world.as('ada'), '/me', init))
      expect(error).toMatchObject({ code: 'TARGET', reason: 'header_not_allowed' })
    },
  )

  it('H12 is not obtained for an identity that this server did not make', async () => {
    const ada = await world.as('ada')
    for (const forged of [{ ...ada }, { ...ada, subject: 'root' }, structuredClone(ada)]) {
      const error = await refusalOf(call(forged as Identity))
      expect(error).toMatchObject({ code: 'SUBJECT', reason: 'identity_unknown' })
    }
    for (const nobody of [{}, { identity: ada }, { authInfo: { extra: { sub: 'ada' } } }]) {
      const error = await refusalOf(world.create().ledger.fetch(nobody, '/me'))
      expect(error).toMatchObject({ code: 'SUBJECT', reason: 'no_identity' })
    }
    expect(exchanged()).toEqual([])
  })

  it('H12 is obtained for each of many requests with one credential', async () => {
    const downstream = world.create()
    const now = Date.now() / 1000
    const times = { iat: now - 5, exp: now + 300 }
    const claims = { sub: 'erin', aud: 'https://mcp.example.com/mcp', client_id: 'web', ...times }
    const headers = { authorization: `Bearer ${await world.minter.mint(claims)}` }
    for (let request = 0; request < 5; request += 1) {
      const erin = await world.authenticator.authenticate({ headers })
      expect((await call(erin, '/me', downstream)).ok).toBe(true)
    }
    expect(exchanged()).toHaveLength(1)
  })

  it("H13 is never the server's own where the exchange fails", async () => {
    const grant = tokenExchange({
      issuer: 'https://login.example.com',
      tokenEndpoint: `${world.tokens.url}/token`,
      client,
      actorToken: {},
    })
    world.tokens.answer = (request, res) => {
      const isOwn = request.form.get('grant_type') === 'client_credentials'
      return isOwn ? issueToken(request, res) : failWith('invalid_grant')(request, res)
    }
    const error = await refusalOf(call(await world.as('ada'), '/me', world.create({ grant })))
    expect(error).toMatchObject({ code: 'REFUSED', reason: 'exchange_refused' })
    expect(used()).toEqual([])
  })
})
