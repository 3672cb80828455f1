import { createPrivateKey, createPublicKey } from 'node:crypto'
import { createTokenMinter, mintToken, type SigningAlgorithm } from '@onbehalf/testing'
import {
  compactVerify,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose'
import { describe, expect, it } from 'vitest'

const algorithms: SigningAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

describe('createTokenMinter', () => {
  it.each(algorithms)('signs with %s so that its own JWKS verifies the token', async (alg) => {
    const minter = await createTokenMinter({ issuer: 'https://issuer.example.com', alg })
    const token = await minter.mint({ sub: 'ada', aud: 'https://mcp.example.com/mcp' })
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(minter.jwks), {
      issuer: 'https://issuer.example.com',
      audience: 'https://mcp.example.com/mcp',
      algorithms: [alg],
      typ: 'at+jwt',
    })
    expect(protectedHeader).toEqual({ alg, kid: minter.kid, typ: 'at+jwt' })
    expect(payload.sub).toBe('ada')
  })

  it('publishes the public half of the key and nothing of the private one', async () => {
    const { jwks, kid } = await createTokenMinter({ kid: 'k1' })
    const [key] = jwks.keys
    expect(kid).toBe('k1')
    expect(Object.keys(key ?? {}).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
  })

  it('takes times from the injected clock: five minutes by default', async () => {
    const minter = await createTokenMinter({ alg: 'ES256', clock: () => 1_800_000_000 })
    const payload = decodeJwt(await minter.mint())
    expect(payload).toMatchObject({ iat: 1_800_000_000, exp: 1_800_000_300 })
  })

  it('gives every token its own id', async () => {
    const minter = await createTokenMinter({ alg: 'ES256' })
    const [first, second] = [decodeJwt(await minter.mint()), decodeJwt(await minter.mint())]
    expect(first.jti).not.toBe(second.jti)
  })

  it('signs with a given key', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const key = await exportJWK(privateKey)
    const one = await createTokenMinter({ alg: 'ES256', key })
    const other = await createTokenMinter({ alg: 'ES256', key })
    expect(one.kid).toBe(other.kid)
    await expect(
      compactVerify(await one.mint(), createLocalJWKSet(other.jwks)),
    ).resolves.toBeDefined()
  })

  it('writes expired tokens and tokens that never expire', async () => {
    const minter = await createTokenMinter({ alg: 'ES256', clock: () => 1000 })
    expect(decodeJwt(await minter.mint({}, { expiresInSeconds: -1 })).exp).toBe(999)
    expect(decodeJwt(await minter.mint({}, { expiresInSeconds: null }))).not.toHaveProperty('exp')
    expect(decodeJwt(await minter.mint({ exp: 'soon' })).exp).toBe('soon')
  })

  it('leaves out a claim or a header member that is undefined', async () => {
    const minter = await createTokenMinter({ alg: 'ES256' })
    const token = await minter.mint({ iss: undefined }, { header: { typ: undefined, crit: ['x'] } })
    expect(decodeJwt(token)).not.toHaveProperty('iss')
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: minter.kid, crit: ['x'] })
  })

  it('forges an unsigned token', async () => {
    const minter = await createTokenMinter({ alg: 'ES256' })
    const token = await minter.mint({ sub: 'ada' }, { alg: 'none' })
    expect(decodeProtectedHeader(token).alg).toBe('none')
    expect(token.endsWith('.')).toBe(true)
  })

  it('forges a token whose secret is the public key', async () => {
    const minter = await createTokenMinter()
    const pem = createPublicKey({ key: { ...minter.jwks.keys[0] }, format: 'jwk' })
      .export({ type: 'spki', format: 'pem' })
      .toString()
    const token = await minter.mint({ sub: 'ada' }, { alg: 'HS256', key: pem })
    expect(decodeProtectedHeader(token).alg).toBe('HS256')
    await expect(compactVerify(token, Buffer.from(pem))).resolves.toBeDefined()
  })

  it('signs with another key under its own key id', async () => {
    const minter = await createTokenMinter({ alg: 'ES256' })
    const stranger = await createTokenMinter({ alg: 'ES256' })
    const key = createPrivateKey({ key: { ...stranger.privateJwk }, format: 'jwk' })
    const token = await minter.mint({ sub: 'ada' }, { key })
    expect(decodeProtectedHeader(token).kid).toBe(minter.kid)
    await expect(compactVerify(token, createLocalJWKSet(minter.jwks))).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  })
})

describe('mintToken', () => {
  it('gives the token together with what verifies it', async () => {
    const { token, issuer, jwks } = await mintToken({ sub: 'ada' }, { alg: 'ES256' })
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { issuer })
    expect(payload.sub).toBe('ada')
  })

  it('uses another key each time', async () => {
    const one = await mintToken({ sub: 'ada' }, { alg: 'ES256' })
    const other = await mintToken({ sub: 'ada' }, { alg: 'ES256' })
    await expect(compactVerify(one.token, createLocalJWKSet(other.jwks))).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    })
  })

  it('departs from a sound token as asked', async () => {
    const { token } = await mintToken(
      {},
      { alg: 'ES256', header: { typ: 'JWT' }, expiresInSeconds: null },
    )
    expect(decodeProtectedHeader(token).typ).toBe('JWT')
    expect(decodeJwt(token)).not.toHaveProperty('exp')
  })
})
