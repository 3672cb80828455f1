import { createAuthenticator, type Identity, signedHeader } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'
import {
  canary,
  clock,
  createPeople,
  now,
  type Party,
  peopleIssuer,
  personClaims,
  resource,
} from '../support/world.ts'

const header = 'X-Proxy-Assertion'

let proxy: Party
beforeAll(async () => {
  proxy = await createPeople()
})

async function send(headers: Readonly<Record<string, string>>): Promise<Identity> {
  const issuer = proxy.issuer({ tokenType: 'compatible' })
  const sources = [signedHeader({ header, issuer })]
  return createAuthenticator({ resource, clock, sources }).authenticate({ headers })
}

describe('signedHeader', () => {
  it('gives the identity that the proxy signed', async () => {
    const token = await proxy.token({}, { typ: 'JWT' })
    for (const value of [token, `Bearer ${token}`]) {
      expect(await send({ 'x-proxy-assertion': value })).toMatchObject({
        kind: 'user',
        issuer: peopleIssuer,
        subject: 'jane',
        source: 'signedHeader',
        expiresAt: now + 300,
      })
    }
  })

  it('does not look at Authorization', async () => {
    const token = await proxy.token()
    const headers = { 'x-proxy-assertion': token, authorization: 'Bearer x, Bearer y' }
    expect(await send(headers)).toMatchObject({ subject: 'jane' })
  })

  it('does not take an assertion from Authorization', async () => {
    const token = await proxy.token()
    await expectRefused(
      () => send({ authorization: `Bearer ${token}` }),
      { code: 'MISSING', reason: 'no_credential' },
      token,
    )
  })

  it.each([
    ['expired', { exp: now - 60 }],
    ['audience', { aud: 'https://other.example' }],
    ['subject', { sub: '' }],
    ['token_type', { nonce: 'n' }],
  ])('verifies it as any token (%s): %j', async (reason, claims) => {
    const token = await proxy.token(claims)
    await expectRefused(
      () => send({ 'x-proxy-assertion': token }),
      { code: 'TOK', reason },
      token,
      canary,
    )
  })

  it('refuses what the proxy did not sign', async () => {
    const forged = await (await createSigner('people-key')).sign(personClaims())
    await expectRefused(
      () => send({ 'x-proxy-assertion': forged }),
      { code: 'TOK', reason: 'signature' },
      forged,
    )
  })

  it('refuses an assertion of an unknown issuer', async () => {
    const token = await proxy.token({ iss: 'https://other.example' })
    await expectRefused(
      () => send({ 'x-proxy-assertion': token }),
      { code: 'TOK', reason: 'issuer_unknown' },
      token,
    )
  })

  it.each([
    [{ header: 'Authorization' }, 'header: use direct for Authorization'],
    [{ header: '' }, 'header is not a valid header name'],
    [{ header: 'x_assertion' }, 'header is not a valid header name'],
    [{ header: undefined }, 'header is not a valid header name'],
    [{ issuer: undefined }, 'issuer is required'],
  ])('must not have the options %j', (options, message) => {
    const usual = { header, issuer: proxy.issuer() }
    expect(() => signedHeader({ ...usual, ...options } as never)).toThrow(new TypeError(message))
  })
})
