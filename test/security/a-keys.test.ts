import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, hmacWith, publicJwk, type SigningKey } from './support/keys.ts'
import { bearer, type ProtectedServer, startDirect } from './support/server.ts'
import { mint } from './support/token.ts'
import { badCurveKeys, misusedKeys, weakRsaKeys } from './support/weak-keys.ts'

const sound = createKey('RS256', 'sound')
const algorithms = ['RS256', 'ES256', 'ES384', 'EdDSA'] as const

describe('A18 weak and malformed keys', () => {
  it.each([...weakRsaKeys(), ...badCurveKeys()])(
    'A18 leaves out a key that must not be trusted and says so: $variant',
    async ({ key, ignored }) => {
      const { server } = await startPublished([sound.jwk, key.jwk])
      const token = mint(key, { header: { alg: key.jwk['alg'] ?? key.algorithm } })
      const reason = key.jwk['alg'] === 'ES256K' ? 'malformed_algorithm' : 'key_unknown'
      await expectRefused(server, bearer(token), { code: 'TOK', reason })
      expect(server.events).toContainEqual(
        expect.objectContaining({ usable: 1, ignored: [ignored] }),
      )
    },
  )

  it('A18 leaves out a weak key of the configuration as well', async () => {
    const [weak] = weakRsaKeys()
    const { key } = weak as { key: SigningKey }
    const server = await startDirect(sound, { keys: { jwks: { keys: [key.jwk, sound.jwk] } } })
    await expectRefused(server, bearer(mint(key)), { code: 'TOK', reason: 'key_unknown' })
    expect(server.events).toContainEqual(expect.objectContaining({ usable: 1, ignored: ['weak'] }))
  })

  it('A18 answers 503 and not 500 when a weak key is all there is', async () => {
    const [weak] = weakRsaKeys()
    const { key } = weak as { key: SigningKey }
    const server = await startDirect(key, {}, { good: undefined as never })
    await expectRefused(server, bearer(mint(key)), { code: 'DOWN', reason: 'keys_unusable' })
  })
})

describe('A19 keys for something else', () => {
  it.each(misusedKeys())(
    'A19 leaves out a key that does not verify signatures and says so: $variant',
    async ({ key, ignored }) => {
      const { server } = await startPublished([sound.jwk, key.jwk])
      const token = mint(key, { header: { kid: String(key.jwk['kid']) } })
      await expectRefused(server, bearer(token), { code: 'TOK', reason: 'key_unknown' })
      expect(server.events).toContainEqual(
        expect.objectContaining({ usable: 1, ignored: [ignored] }),
      )
    },
  )

  it('A19 never takes a symmetric key that someone published', async () => {
    const secret = Buffer.alloc(32, 7)
    const oct = { kty: 'oct', k: secret.toString('base64url'), kid: 'shared', alg: 'HS256' }
    const { server } = await startPublished([sound.jwk, oct])
    const header = { alg: 'HS256', kid: 'shared' }
    const token = mint(sound, { header, sign: hmacWith(secret) })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_algorithm' })
    expect(server.events).toContainEqual(expect.objectContaining({ ignored: ['private'] }))
  })
})

describe('A20 one key id for several keys', () => {
  const keys = [1, 2, 3, 4, 5].map(() => createKey('ES256', 'same'))

  it('A20 finds the key among a few of one id', async () => {
    const server = await startEc(keys.slice(0, 4))
    for (const key of keys.slice(0, 4)) await expectAccepted(server, bearer(mint(key)))
  })

  it('A20 refuses to try any number of keys', async () => {
    const server = await startEc(keys)
    const last = keys[4] as SigningKey
    await expectRefused(server, bearer(mint(last)), { code: 'TOK', reason: 'signature' })
  })

  it('A20 tries only keys of the algorithm', async () => {
    const crowd = Array.from({ length: 8 }, () => ({ ...sound.jwk, kid: 'same' }))
    const server = await startDirect(keys[0] as SigningKey, {
      algorithms: ['ES256', 'RS256'],
      keys: { jwks: { keys: [...crowd, ...keys.slice(0, 1).map(({ jwk }) => jwk)] } },
    })
    await expectAccepted(server, bearer(mint(keys[0] as SigningKey)))
  })

  it.each([1, 2])('A20 refuses a token that names no key by default: %i in the set', async (n) => {
    const server = await startEc(keys.slice(0, n))
    const token = mint(keys[0] as SigningKey, { header: { kid: undefined } })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'key_id_missing' })
  })

  it('A20 does not take a key without an id for a token with one', async () => {
    const nameless = createKey('ES256')
    const jwks = { keys: [publicJwk(nameless.privateKey, { alg: 'ES256' })] }
    const server = await startDirect(nameless, { keys: { jwks } }, { good: undefined as never })
    await expectRefused(server, bearer(mint(nameless)), { code: 'TOK', reason: 'key_unknown' })
  })
})

async function startPublished(keys: readonly unknown[]): Promise<{ server: ProtectedServer }> {
  const published = await startKeyServer(keys)
  const options = { algorithms, keys: { jwksUri: published.url } }
  const server = await startDirect(sound, options)
  return { server }
}

function startEc(keys: readonly SigningKey[]): Promise<ProtectedServer> {
  const jwks = { keys: keys.map(({ jwk }) => jwk) }
  return startDirect(keys[0] as SigningKey, { keys: { jwks } })
}
