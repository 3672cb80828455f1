import { IdentityError, type KeySource } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { staticKeys } from '../../src/keys/key-set.ts'
import { type DirectTokens, directTokens } from '../support/direct-tokens.ts'
import { expectRefused, thrownBy } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'
import { createPeople, now, type Party, peopleIssuer, personClaims } from '../support/world.ts'

let people: Party
let accepts: DirectTokens['accepts']
let expectReason: DirectTokens['expectReason']
let authenticate: DirectTokens['authenticate']

beforeAll(async () => {
  people = await createPeople()
  ;({ accepts, authenticate, expectReason } = directTokens(people))
})

describe('the key of a token', () => {
  it('has to be its own: a key of that id at another issuer is none', async () => {
    const imposter = await createSigner('people-key')
    const token = await imposter.sign(personClaims())
    await expectRefused(() => authenticate(token), { code: 'TOK', reason: 'signature' }, token)
  })

  it('has to be known', () => expectReason('key_unknown', {}, {}, { kid: 'other' }))

  it.each([
    ['RS256', 'key_algorithm'],
    ['PS256', 'key_algorithm'],
  ])('has to be bound to the algorithm of the token: %s', async (alg, reason) => {
    const options = { algorithms: ['ES256', 'RS256', 'PS256'] } as const
    await expectReason(reason, {}, options, { alg })
    await expectReason('key_unknown', {}, options, { alg, kid: 'other' })
    const token = await people.token({}, { alg })
    expect(await thrownBy(() => authenticate(token, options))).toMatchObject({
      failure: { expected: ['ES256'], issuer: peopleIssuer },
    })
  })

  it('has to be named, unless the issuer says otherwise', async () => {
    await expectReason('key_id_missing', {}, {}, { kid: undefined })
    expect(await accepts({}, { keyId: 'optional' }, { kid: undefined })).toMatchObject({
      subject: 'jane',
    })
  })

  it('serves an allowed algorithm only', () =>
    expectReason('algorithm', {}, { algorithms: ['RS256', 'ES384'] }))

  it.each([
    ['key_issuer', 'https://login.example/tenant-b/v2.0', { tid: 'tenant-a' }],
    ['key_issuer', 'https://login.example/tenant-b/v2.0', {}],
    ['key_issuer', 'https://evil.example', {}],
    ['key_issuer', 'evil', {}],
  ])('is refused (%s) when it is for %s, and the token says %j', (reason, issuer, claims) =>
    expectReason(reason, claims, { keys: { jwks: { keys: [{ ...people.signer.jwk, issuer }] } } }),
  )

  it.each([
    [peopleIssuer, {}],
    ['', {}],
    ['https://login.example/tenant-a/v2.0', { tid: 'tenant-a' }],
    ['https://login.example/{tenantid}/v2.0', { tid: 'tenant-a' }],
  ])('may be for %s when the token says %j', async (issuer, claims) => {
    const keys = { jwks: { keys: [{ ...people.signer.jwk, issuer }] } }
    expect(await accepts(claims, { keys })).toMatchObject({ subject: 'jane' })
  })
})

describe('your own key source', () => {
  const spy = (): { readonly keys: KeySource; readonly asked: object[] } => {
    const asked: object[] = []
    const inner = staticKeys(people.signer.jwks)
    const find: KeySource['find'] = (lookup, report) => {
      asked.push(lookup)
      return inner.find(lookup, report)
    }
    return { asked, keys: { ...inner, find } }
  }

  it('is asked for the key that a token names, once', async () => {
    const { asked, keys } = spy()
    await accepts({}, { keys })
    const asks = { algorithm: 'ES256', keyId: 'people-key', issuer: peopleIssuer, limit: 4 }
    expect(asked).toEqual([asks])
  })

  it.each([
    ['of the wrong type', {}, { typ: 'JWT' }],
    ['of another algorithm', {}, { alg: 'RS256' }],
    ['without a key id', {}, { kid: undefined }],
    ['that is expired', { exp: now - 60 }, {}],
    ['for another audience', { aud: 'other' }, {}],
    ['of another issuer', { iss: 'https://other.example' }, {}],
  ])('is not asked for a token %s', async (_, claims, header) => {
    const { asked, keys } = spy()
    const token = await people.token(claims, header)
    expect(await thrownBy(() => authenticate(token, { keys }))).toBeInstanceOf(IdentityError)
    expect(asked).toEqual([])
  })

  it('answers for an outage, not the caller, when it fails', async () => {
    const fail = (): Promise<never> => Promise.reject(new Error('the vault is sealed'))
    const token = await people.token()
    await expectRefused(
      () => authenticate(token, { keys: { find: fail, ready: fail } }),
      { code: 'DOWN', reason: 'internal_error' },
      token,
    )
  })
})
