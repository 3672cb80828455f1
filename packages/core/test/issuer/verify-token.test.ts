import { beforeAll, describe, expect, it } from 'vitest'
import { type DirectTokens, directTokens } from '../support/direct-tokens.ts'
import { expectRefused, thrownBy } from '../support/expect-refused.ts'
import {
  canary,
  createPeople,
  now,
  type Party,
  peopleIssuer,
  personClaims,
  resource,
} from '../support/world.ts'

let people: Party
let accepts: DirectTokens['accepts']
let expectReason: DirectTokens['expectReason']
let authenticate: DirectTokens['authenticate']

beforeAll(async () => {
  people = await createPeople()
  ;({ accepts, authenticate, expectReason } = directTokens(people))
})

describe('an id that revocations are compared with', () => {
  it.each<[string, string]>([
    ['jti', 'bad_jti'],
    ['sid', 'bad_sid'],
    ['sub', 'subject'],
    ['original_sub', 'subject'],
  ])('is a text: %s', async (claim, reason) => {
    for (const value of [12_345, 0, true, false, ['id'], { id: 'id' }]) {
      await expectReason(reason, { [claim]: value }, { claimMap: { subject: 'email' } })
    }
  })

  it.each(['jti', 'sid', 'original_sub'])('may be absent, empty or null: %s', async (claim) => {
    for (const value of [undefined, '', null]) {
      expect(await accepts({ [claim]: value })).toMatchObject({ subject: 'jane' })
    }
  })
})

describe('the type of a token', () => {
  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt'])('may be %s', async (typ) => {
    expect(await accepts({}, {}, { typ })).toMatchObject({ subject: 'jane' })
  })

  it.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/jwt'])(
    'may be %s for an issuer that does not write it',
    async (typ) => {
      expect(await accepts({}, { tokenType: 'compatible' }, { typ })).toMatchObject({
        kind: 'user',
      })
    },
  )

  it.each([undefined, 'JWT', '', 'at', 'at+jwt '])('must not be %j otherwise', (typ) =>
    expectReason('token_type', {}, {}, { typ }),
  )

  const foreign = [
    'logout+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'oauth-id-jag+jwt',
    'txntoken+jwt',
  ].concat(['oauth-authz-req+jwt', 'token-introspection+jwt', 'kb+jwt', 'id_token', 'JOSE'])

  it.each(foreign)('must never be %s', async (typ) => {
    await expectReason('token_type', {}, {}, { typ })
    await expectReason('token_type', {}, { tokenType: 'compatible' }, { typ })
  })

  it.each([
    { nonce: 'n' },
    { at_hash: 'x' },
    { c_hash: 'x' },
    { s_hash: 'x' },
    { events: {} },
    { token_use: 'id' },
    { token_use: 'refresh' },
    { token_use: 7 },
    { token_use: ['access'] },
  ])('is recognized by its claims as well: %j is not an access token', (claims) =>
    expectReason('token_type', claims),
  )

  it.each([{ nonce: null }, { nonce: '' }, { token_use: null }, { at_hash: '' }, { events: null }])(
    'is not recognized by an empty claim: %j',
    async (claims) => {
      expect(await accepts(claims)).toMatchObject({ subject: 'jane' })
    },
  )

  it('may carry a nonce where its issuer is known to write one, and nothing else', async () => {
    const options = { acceptNonce: true }
    expect(await accepts({ nonce: 'n' }, options)).toMatchObject({ subject: 'jane' })
    await expectReason('token_type', { nonce: 'n', at_hash: 'x' }, options)
    await expectReason('token_type', { nonce: 'n' }, { acceptNonce: false })
  })

  describe('where the issuer does not write it', () => {
    const compatible = { tokenType: 'compatible' } as const
    const typ = 'JWT'
    const without = { client_id: undefined, azp: undefined, scope: undefined }

    it.each([
      { auth_time: now - 60 },
      { amr: ['pwd'] },
      { acr: '1', sid: 's1' },
      { auth_time: now - 60, azp: resource },
      { auth_time: now - 60, client_id: resource, scope: '' },
      { typ: 'ID', azp: 'web', scope: 'read' },
    ])('is that of an ID token when the claims speak of the sign-in alone: %j', (claims) =>
      expectReason('token_type', { ...without, ...claims }, compatible, { typ }),
    )

    it.each([
      { sid: 's1' },
      { auth_time: '', amr: null },
      { auth_time: now - 60, client_id: 'web' },
      { auth_time: now - 60, scope: 'read' },
      { auth_time: now - 60, azp: resource, scope: 'read' },
      { auth_time: now - 60, token_use: 'access' },
      { auth_time: now - 60, typ: 'Bearer' },
    ])('is that of an access token otherwise: %j', async (claims) => {
      const all = { ...without, ...claims }
      expect(await accepts(all, compatible, { typ })).toMatchObject({ subject: 'jane' })
    })

    it('says that it is an access token in its header, where it is one', async () => {
      const claims = { ...without, auth_time: now - 60 }
      expect(await accepts(claims, {}, { typ: 'at+jwt' })).toMatchObject({ subject: 'jane' })
    })
  })

  it.each([[['jane']], [7], [{ id: 'jane' }], [false]])(
    'names its client in text, or the subject could be the client: %j',
    (client_id) => expectReason('client', { client_id, azp: undefined }),
  )

  it('may be recognized by its claims', async () => {
    expect(await accepts({ token_use: 'access' })).toMatchObject({ subject: 'jane' })
  })
})

describe('the times of a token', () => {
  it.each([
    ['expiring in a day', { exp: now + 86_400 }],
    ['expired for less than the skew', { exp: now - 29 }],
    ['expiring at a fraction of a second', { exp: now + 0.5 }],
    ['beginning within the skew', { nbf: now + 30 }],
    ['valid from the beginning of time', { nbf: 0 }],
    ['with an empty nbf', { nbf: null }],
    ['issued within the skew', { iat: now + 30, exp: now + 60 }],
  ])('may be: %s', async (_, claims) => {
    expect(await accepts(claims)).toMatchObject({ subject: 'jane' })
  })

  it.each([
    ['exp_missing', { exp: undefined }],
    ['exp_missing', { exp: null }],
    ['exp_missing', { exp: '' }],
    ['bad_exp', { exp: String(now + 300) }],
    ['bad_exp', { exp: [now + 300] }],
    ['bad_exp', { exp: 0 }],
    ['bad_exp', { exp: -1 }],
    ['expired', { exp: now - 30 }],
    ['lifetime', { exp: now + 86_400 + 31 }],
    ['lifetime', { exp: (now + 300) * 1000 }],
    ['lifetime', { exp: 1e18 }],
    ['not_yet_valid', { nbf: now + 31 }],
    ['bad_nbf', { nbf: 'now' }],
    ['bad_nbf', { nbf: {} }],
    ['bad_iat', { iat: now + 31, exp: now + 60 }],
    ['bad_iat', { iat: now + 10, exp: now + 5 }],
    ['bad_iat', { iat: 'now' }],
    ['bad_iat', { iat: 0 }],
    ['bad_nbf', { nbf: -1 }],
  ])('must not be (%s): %j', (reason, claims) => expectReason(reason, claims))

  it('must not lie beyond all numbers, even where no lifetime is set', async () => {
    const header = JSON.stringify({ alg: 'ES256', kid: 'people-key', typ: 'at+jwt' })
    const payload = JSON.stringify(personClaims()).replace(`"exp":${now + 300}`, '"exp":1e999')
    expect(payload).toContain('1e999')
    const token = await people.signer.signRaw(header, payload)
    await expectRefused(() => authenticate(token, { maxLifetimeSeconds: null }), {
      code: 'TOK',
      reason: 'bad_exp',
    })
  })

  it('follow the lifetime and the skew that the issuer is given', async () => {
    await expectReason(
      'lifetime',
      { exp: now + 301 },
      { maxLifetimeSeconds: 300, clockSkewSeconds: 0 },
    )
    await expectReason('expired', { exp: now }, { clockSkewSeconds: 0 })
    expect(await accepts({ exp: now - 59 }, { clockSkewSeconds: 60 })).toMatchObject({
      kind: 'user',
    })
    const slow = { clockSkewSeconds: 600 }
    expect(await accepts({ iat: now - 900, exp: now - 599 }, slow)).toMatchObject({ kind: 'user' })
    await expectReason('expired', { iat: now - 900, exp: now - 600 }, slow)
    const year = now + 365 * 86_400
    expect(await accepts({ exp: year }, { maxLifetimeSeconds: null })).toMatchObject({
      expiresAt: year,
    })
  })
})

describe('the audience of a token', () => {
  it.each([
    [resource],
    [[resource]],
    [['https://other.example', resource]],
    [[null, '', resource]],
  ])('may be %j', async (aud) => {
    expect(await accepts({ aud })).toMatchObject({ subject: 'jane' })
  })

  it.each([
    ['https://other.example'],
    [`${resource}/`],
    [`${resource}x`],
    [resource.slice(0, -1)],
    [resource.toUpperCase()],
    ['https://mcp.example.com'],
    [`${resource} https://other.example`],
    [`https://other.example,${resource}`],
    [7],
    [{ aud: resource }],
    [{ 0: resource, length: 1 }],
    [[[resource]]],
    [[resource, 7]],
    [true],
  ])('must not be %j', (aud) => expectReason('audience', { aud }))

  it.each([[undefined], [null], [''], [[]], [['']], [[null]]])('must be there: %j', (aud) =>
    expectReason('audience_missing', { aud }),
  )

  it('may be any of those that the issuer is given', async () => {
    const audience = ['api://a', 'api://b']
    expect(await accepts({ aud: 'api://b' }, { audience })).toMatchObject({ kind: 'user' })
    await expectReason('audience', { aud: resource }, { audience })
  })

  it('does not matter if clients replace it', async () => {
    const options = { audience: null, clients: 'web-client' }
    expect(await accepts({ aud: undefined }, options)).toMatchObject({ kind: 'user' })
    expect(await accepts({ aud: 'anything' }, options)).toMatchObject({ kind: 'user' })
    await expectReason('client', { aud: undefined, client_id: 'other' }, options)
  })
})

describe('the client of a token', () => {
  it.each([
    [{ client_id: 'web-client' }],
    [{ client_id: undefined, azp: 'web-client' }],
    [{ client_id: 'web-client', azp: 'web-client' }],
    [{ client_id: 'web-client', azp: null }],
    [{ client_id: '', azp: 'web-client' }],
  ])('is known by %j', async (claims) => {
    expect(await accepts(claims, { clients: ['a', 'web-client'] })).toMatchObject({
      client: 'web-client',
    })
  })

  it.each([
    ['client', { client_id: undefined }],
    ['client', { client_id: '' }],
    ['client', { client_id: 'WEB-CLIENT' }],
    ['client', { client_id: ['web-client'] }],
    ['client', { client_id: 'web' }],
    ['client_ambiguous', { client_id: 'web-client', azp: 'other' }],
  ])('is refused (%s) when it is %j', (reason, claims) =>
    expectReason(reason, claims, { clients: 'web-client' }),
  )
})

describe('the scopes and the claims that an issuer requires', () => {
  it('have to be granted, all of them', async () => {
    const scopes = ['notes:read', 'notes:admin']
    const token = await people.token()
    const attempt = (): Promise<unknown> => authenticate(token, { scopes })
    await expectRefused(attempt, { code: 'SCOPE', reason: 'scope_missing' }, token, canary)
    expect(await thrownBy(attempt)).toMatchObject({ scopes })
    expect(await accepts({ scope: scopes.join(' ') }, { scopes })).toMatchObject({ scopes })
  })

  it('are compared as a whole', async () => {
    for (const scope of ['notes:reader', 'notes', 'NOTES:READ', 'notes:read,notes:write']) {
      const token = await people.token({ scope })
      await expectRefused(() => authenticate(token, { scopes: 'notes:read' }), {
        code: 'SCOPE',
        reason: 'scope_missing',
      })
    }
  })

  it.each([undefined, null, 'b', ['a'], { tid: 'a' }])('must be exact: %j is not "a"', (tid) =>
    expectReason('required_claim', { tid }, { requiredClaims: { tid: 'a' } }),
  )

  it.each(['true', 1, false, undefined, [true]])('must be exact: %j is not true', (verified) =>
    expectReason(
      'required_claim',
      { email_verified: verified },
      { requiredClaims: { email_verified: true } },
    ),
  )

  it('may be boolean, or one of several', async () => {
    const requiredClaims = { email_verified: true, plan: ['free', 'team'] }
    const claims = { email_verified: true, plan: 'team' }
    expect(await accepts(claims, { requiredClaims })).toMatchObject({ kind: 'user' })
    await expectReason('required_claim', { ...claims, plan: 'none' }, { requiredClaims })
    await expectReason('required_claim', { ...claims, plan: ['team'] }, { requiredClaims })
  })

  it('may be fulfilled', async () => {
    expect(await accepts({ tid: 'a' }, { requiredClaims: { tid: 'a' } })).toMatchObject({
      kind: 'user',
    })
  })
})

describe('a token of an issuer with several names', () => {
  it('is known under each of them, exactly', async () => {
    const iss = [peopleIssuer, 'https://people.example.com/v2']
    for (const name of iss) expect((await accepts({ iss: name }, { iss })).subject).toBe('jane')
    await expectReason('issuer_unknown', { iss: `${peopleIssuer}/` }, { iss })
  })

  it('names one and the same principal under each of them', async () => {
    const iss = [peopleIssuer, 'https://people.example.com/v2']
    for (const name of iss) {
      expect(await accepts({ iss: name }, { iss })).toMatchObject({
        issuer: peopleIssuer,
        principal: `["${peopleIssuer}","jane"]`,
      })
    }
  })
})

describe('a token that does not say when it was issued', () => {
  it('is refused', () => expectReason('iat_missing', { iat: undefined }))

  it('is accepted where its issuer waives that by name', async () => {
    const acceptMissingIat = { longestLifeSeconds: 3600 }
    expect(await accepts({ iat: undefined }, { acceptMissingIat })).toMatchObject({
      subject: 'jane',
    })
  })

  it.each([
    [true],
    [{}],
    [null],
    [{ longestLifeSeconds: 0 }],
    [{ longestLifeSeconds: -1 }],
    [{ longestLifeSeconds: Number.POSITIVE_INFINITY }],
    [{ longestLifeSeconds: '3600' }],
  ])('is not waived by %j', async (acceptMissingIat) => {
    await expect(accepts({}, { acceptMissingIat } as never)).rejects.toThrow(
      new TypeError('acceptMissingIat.longestLifeSeconds must be positive'),
    )
  })
})
