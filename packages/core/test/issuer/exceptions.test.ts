import { createAuthenticator, direct, introspected, issuer } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { type DirectTokens, directTokens } from '../support/direct-tokens.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  type Party,
  personClaims,
  resource,
} from '../support/world.ts'

let people: Party
let tokens: DirectTokens
beforeAll(async () => {
  people = await createPeople()
  tokens = directTokens(people)
})

const expectReason: DirectTokens['expectReason'] = (...input) => tokens.expectReason(...input)

describe('a token whose header names or brings a key', () => {
  const headers = [
    { jku: 'https://evil.example/jwks' },
    { x5u: 'https://x.example' },
    { x5c: ['M'] },
  ]

  it.each(headers)('is refused unless its issuer is known to write it: %j', (header) =>
    expectReason('malformed_header_member', {}, {}, header),
  )

  it.each(headers)('is accepted where that is said, and never fetched: %j', async (header) => {
    const fetch = (() => expect.unreachable()) as unknown as typeof globalThis.fetch
    const options = { ignoreKeyHeaders: true, fetch }
    expect(await tokens.accepts({}, options, header)).toMatchObject({ subject: 'jane' })
  })

  it('is verified by the keys of its issuer alone', async () => {
    const stranger = await createSigner('people-key')
    const token = await stranger.sign(personClaims(), { jku: 'https://evil.example/jwks' })
    const attempt = (): Promise<unknown> => tokens.authenticate(token, { ignoreKeyHeaders: true })
    await expectRefused(attempt, { code: 'TOK', reason: 'signature' }, token)
  })

  it.each([{ jwk: { kty: 'EC' } }, { crit: ['exp'] }, { zip: 'DEF' }])(
    'is refused all the same for anything else in it: %j',
    (header) => expectReason('malformed_header_member', {}, { ignoreKeyHeaders: true }, header),
  )

  it('is refused for another issuer of the same server', async () => {
    const gateway = await createGateway()
    const authenticator = createAuthenticator({
      resource,
      clock,
      sources: [
        direct({ issuer: gateway.issuer({ ignoreKeyHeaders: true, maxTokenBytes: 65_536 }) }),
        direct({ issuer: people.issuer() }),
      ],
    })
    const send = (token: string) => () => authenticator.authenticate(bearer(token))
    await expectRefused(send(await people.token({}, { jku: 'https://x.example' })), {
      code: 'TOK',
      reason: 'malformed_header_member',
    })
    const long = await people.token({ pad: 'x'.repeat(16_384) })
    await expectRefused(send(long), { code: 'TOK', reason: 'malformed_size' })
  })
})

describe('a long token', () => {
  const roles = Array.from({ length: 1200 }, (_, at) => `realm-role-number-${at}`)

  it('is accepted up to the bound of its issuer', async () => {
    await expectReason('malformed_size', { roles })
    expect(await tokens.accepts({ roles }, { maxTokenBytes: 65_536 })).toMatchObject({ roles })
    const huge = { pad: 'x'.repeat(65_536) }
    await expectReason('malformed_size', huge, { maxTokenBytes: 65_536 })
  })
})

describe('a token that names no key', () => {
  it('is tried with as many keys as its issuer allows', async () => {
    const others = await Promise.all([1, 2, 3, 4, 5].map((at) => createSigner(`other-${at}`)))
    const jwks = { keys: [...others.map(({ jwk }) => jwk), people.signer.jwk] }
    const options = { keys: { jwks }, keyId: 'optional' } as const
    const header = { kid: undefined }
    await expectReason('signature', {}, options, header)
    await expectReason('signature', {}, { ...options, maxKeysTried: 5 }, header)
    expect(await tokens.accepts({}, { ...options, maxKeysTried: 6 }, header)).toMatchObject({
      subject: 'jane',
    })
  })
})

describe('a JWT that is malformed', () => {
  it('is never introspected in its place, whatever is behind it', async () => {
    let asked = 0
    const opaque = introspected({
      iss: 'https://login.example.com',
      endpoint: 'https://login.example.com/introspect',
      clientId: 'mcp',
      clientSecret: 'secret',
      audience: resource,
      kind: 'by-client',
      fetch: async () => {
        asked += 1
        return Response.json({ active: false })
      },
    })
    const sources = [direct({ issuer: people.issuer() }), direct({ issuer: opaque })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    const token = await people.token()
    for (const tail of ['.', '..', '...', '.x', '.x.y', '....']) {
      await expectRefused(() => authenticator.authenticate(bearer(token + tail)), {
        code: 'TOK',
        reason: 'malformed_segments',
      })
    }
    expect(asked).toBe(0)
  })
})

describe('the authorization servers of an issuer', () => {
  const published = (iss: string, authorizationServers?: string | string[]): unknown =>
    createAuthenticator({
      resource,
      sources: [
        direct({
          issuer: issuer({
            iss,
            audience: resource,
            kind: 'by-client',
            keys: { jwks: people.signer.jwks },
            ...(authorizationServers !== undefined && { authorizationServers }),
          }),
        }),
      ],
    }).metadata.authorization_servers

  it('are its first name, if that is a URL, or those that are stated', () => {
    expect(published('https://idp.example')).toEqual(['https://idp.example'])
    expect(published('https://idp.example', 'https://sso.example/t1')).toEqual([
      'https://sso.example/t1',
    ])
    expect(published('P2abc123', ['https://a.example', 'https://b.example'])).toEqual([
      'https://a.example',
      'https://b.example',
    ])
  })

  it.each(['P2abc123', 'stytch.com/project-live-1', 'urn:example:idp', 'http://idp.example'])(
    'are never a name that clients cannot fetch: %s',
    (iss) => expect(published(iss)).toBeUndefined(),
  )
})

describe('the scopes of guards', () => {
  it('are published beside those that every token needs, and asked for in no challenge', () => {
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: people.issuer({ scopes: 'mcp:read' }) })],
      scopesSupported: ['mcp:read', 'books:close'],
    })
    expect(authenticator.metadata.scopes_supported).toEqual(['mcp:read', 'books:close'])
    expect(authenticator.scopes).toEqual(['mcp:read'])
  })
})

describe('tokens for other servers', () => {
  const none = { aud: undefined }
  const all = { audience: null, acceptTokensForOtherServers: true }

  it('are accepted only where the issuer names none and the option says so', async () => {
    expect(await tokens.accepts(none, all)).toMatchObject({ subject: 'jane' })
    expect(await tokens.accepts({ aud: 'https://other.example' }, all)).toMatchObject({
      subject: 'jane',
    })
    await expectReason('audience_missing', none)
    expect(() => people.issuer({ audience: null })).toThrow('audience: null needs clients')
    expect(() => people.issuer({ acceptTokensForOtherServers: true })).toThrow(
      new TypeError('acceptTokensForOtherServers needs audience: null'),
    )
  })
})

describe('an ID token', () => {
  const signIn = { client_id: undefined, scope: undefined, auth_time: personClaims()['iat'] }
  const idToken = { ...signIn, nonce: 'n', at_hash: 'h', c_hash: 'h', s_hash: 'h' }
  const compatible = { tokenType: 'compatible' } as const

  it.each([idToken, signIn, { ...signIn, typ: 'ID' }])(
    'is accepted only with the option that says so: %j',
    async (claims) => {
      const typ = { typ: 'JWT' }
      await expectReason('token_type', claims, compatible, typ)
      const options = { ...compatible, acceptIdTokens: true }
      expect(await tokens.accepts(claims, options, typ)).toMatchObject({ subject: 'jane' })
      await expectReason('token_type', { ...claims, events: {}, token_use: 'id' }, options, typ)
    },
  )
})
