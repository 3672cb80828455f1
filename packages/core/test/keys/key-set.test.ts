import { type Algorithm, issuer } from '@onbehalf/core'
import type { JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { findKeys, type KeySet, parseKeySet, staticKeys } from '../../src/keys/key-set.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { createSigner } from '../support/signer.ts'

const keys = new Map<Algorithm, JWK>()
const used: readonly Algorithm[] = ['RS256', 'ES256', 'ES384', 'ES512', 'Ed25519']

beforeAll(async () => {
  for (const name of used) keys.set(name, (await createSigner(name, name)).jwk)
})

function jwk(name: Algorithm, members: object = {}): object {
  const { alg: _, ...rest } = keys.get(name) as JWK
  return { ...rest, ...members }
}

async function setOf(...members: readonly unknown[]): Promise<KeySet> {
  return (await parseKeySet({ keys: members })) as KeySet
}

describe('parseKeySet', () => {
  it('reads a set as an object or as JSON text', async () => {
    const set = { keys: [jwk('ES256')] }
    expect((await parseKeySet(set))?.keys).toHaveLength(1)
    expect((await parseKeySet(JSON.stringify(set)))?.keys).toHaveLength(1)
  })

  it.each([
    [undefined],
    [null],
    [42],
    [''],
    ['{'],
    ['[]'],
    [[]],
    [{}],
    [{ keys: {} }],
    [{ keys: 'k' }],
    [{ key: [] }],
    [{ keys: Array.from({ length: 101 }, () => ({})) }],
  ])('takes %j for no key set', async (input) => {
    expect(await parseKeySet(input)).toBeUndefined()
  })

  it('reads 100 members', async () => {
    expect((await setOf(...Array.from({ length: 100 }, () => ({})))).ignored).toHaveLength(100)
  })

  it.each([
    ['RS256', 'RS256 RS384 RS512 PS256 PS384 PS512'],
    ['ES256', 'ES256'],
    ['ES384', 'ES384'],
    ['ES512', 'ES512'],
    ['Ed25519', 'EdDSA Ed25519'],
  ] as const)('lets a key like that of %s serve %s', async (name, algorithms) => {
    expect((await setOf(jwk(name))).keys[0]?.algorithms.join(' ')).toBe(algorithms)
  })

  it('binds a key with an algorithm to that one', async () => {
    const set = await setOf(jwk('RS256', { alg: 'PS384' }), jwk('Ed25519', { alg: 'EdDSA' }))
    expect(set.keys.map((key) => key.algorithms)).toEqual([['PS384'], ['EdDSA']])
  })

  it('uses a key whose use and operations allow to verify', async () => {
    const good = jwk('ES256', { use: 'sig', key_ops: ['verify'] })
    expect((await setOf(good)).ignored).toEqual([])
  })

  it('tells the issuer that a key is for', async () => {
    const set = await setOf(
      jwk('ES256', { issuer: 'https://a.example' }),
      jwk('ES256', { issuer: 1 }),
    )
    expect(set.keys.map((key) => key.issuer)).toEqual(['https://a.example', undefined])
  })
})

describe('a member of a key set', () => {
  const nested = { toString: 1, valueOf: 1 }
  const bad: readonly (readonly [reason: string, what: string, member: () => unknown])[] = [
    ['malformed', 'null', () => null],
    ['malformed', 'text', () => 'key'],
    ['malformed', 'an array', () => [jwk('ES256')]],
    ['algorithm', 'empty', () => ({})],
    ['private', 'a private key', () => jwk('ES256', { d: 'AAAA' })],
    ['private', 'a private RSA prime', () => jwk('RS256', { p: 'AAAA' })],
    ['private', 'symmetric', () => ({ kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' })],
    ['algorithm', 'symmetric without its value', () => ({ kty: 'oct', alg: 'HS256' })],
    ['use', 'for encryption', () => jwk('RS256', { use: 'enc' })],
    ['use', 'of a use that is not text', () => jwk('RS256', { use: ['sig'] })],
    ['use', 'for encrypting', () => jwk('RS256', { key_ops: ['encrypt'] })],
    ['use', 'for no operation', () => jwk('RS256', { key_ops: [] })],
    ['use', 'of operations that are not a list', () => jwk('RS256', { key_ops: 'verify' })],
    ['algorithm', 'of an unknown type', () => ({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' })],
    ['algorithm', 'on secp256k1', () => jwk('ES256', { crv: 'secp256k1' })],
    ['algorithm', 'for key agreement', () => ({ kty: 'OKP', crv: 'X25519', x: 'AAAA' })],
    ['algorithm', 'bound to an unknown algorithm', () => jwk('RS256', { alg: 'RSA-OAEP' })],
    ['algorithm', 'bound to an algorithm in another case', () => jwk('RS256', { alg: 'rs256' })],
    ['algorithm', 'bound to a list', () => jwk('RS256', { alg: ['RS256'] })],
    ['algorithm', 'on P-256 bound to ES384', () => jwk('ES256', { alg: 'ES384' })],
    ['algorithm', 'of a type that is not text', () => jwk('ES256', { kty: nested })],
    ['algorithm', 'of a type nested too deeply', () => jwk('ES256', { kty: deep() })],
    ['algorithm', 'on a curve that is not text', () => jwk('ES256', { crv: nested })],
    ['malformed', 'with an id that is not text', () => jwk('ES256', { kid: 7 })],
    ['malformed', 'without a coordinate', () => jwk('ES256', { y: undefined })],
    ['malformed', 'with an empty coordinate', () => jwk('ES256', { x: '' })],
    ['malformed', 'with a padded coordinate', () => jwk('ES256', { x: `${'A'.repeat(43)}=` })],
    ['malformed', 'with a coordinate too long', () => jwk('ES256', { x: 'A'.repeat(44) })],
    ['malformed', 'off its curve', () => jwk('ES256', { x: 'AQ', y: 'AQ' })],
    ['malformed', 'of Edwards type with a number', () => jwk('Ed25519', { x: 5 })],
    ['malformed', 'of Edwards type and too short', () => jwk('Ed25519', { x: 'AQ' })],
    ['malformed', 'of RSA type without a modulus', () => jwk('RS256', { n: undefined })],
    [
      'malformed',
      'of RSA type with a padded modulus',
      () => jwk('RS256', { n: `${'A'.repeat(342)}==` }),
    ],
    ['malformed', 'of RSA type with a modulus in base64', () => jwk('RS256', { n: '+/+/' })],
    ['malformed', 'of RSA type without an exponent', () => jwk('RS256', { e: '' })],
    ['weak', 'of RSA type with a short modulus', () => jwk('RS256', { n: 'AQAB' })],
    ['weak', 'of RSA type with a small exponent', () => jwk('RS256', { e: 'Aw' })],
  ]

  it.each(bad)('is ignored (%s) when it is %s, and the rest is used', async (reason, _, member) => {
    const set = await setOf(jwk('ES384'), member(), jwk('ES512'))
    expect(set.ignored).toEqual([reason])
    expect(set.keys.map((key) => key.keyId)).toEqual(['ES384', 'ES512'])
  })

  it('does no harm with members that no key has, however deep', async () => {
    const set = await setOf(jwk('RS256', { x: deep(), y: deep(), crv: deep(), ext: deep() }))
    expect(set.keys).toHaveLength(1)
  })
})

describe('findKeys', () => {
  it('finds the keys of the id that may serve the algorithm', async () => {
    const set = await setOf(
      jwk('ES256', { kid: 'a' }),
      jwk('ES384', { kid: 'a' }),
      jwk('ES256', { kid: 'b' }),
    )
    const found = findKeys(set, { algorithm: 'ES256', keyId: 'a' })
    expect(found.map(({ keyId, algorithms }) => [keyId, algorithms])).toEqual([['a', ['ES256']]])
  })

  it('finds nothing for an id that no key has', async () => {
    const set = await setOf(jwk('ES256', { kid: 'a' }), jwk('ES256', { kid: undefined }))
    for (const keyId of ['A', '', 'a ', '__proto__', 'constructor']) {
      expect(findKeys(set, { algorithm: 'ES256', keyId })).toEqual([])
    }
  })

  it('finds every key that fits when a token names none, four at most', async () => {
    const set = await setOf(...Array.from({ length: 7 }, (_, n) => jwk('ES256', { kid: `k${n}` })))
    const found = findKeys(set, { algorithm: 'ES256', keyId: undefined })
    expect(found.map((key) => key.keyId)).toEqual(['k0', 'k1', 'k2', 'k3'])
  })

  it('finds four keys of one id at most', async () => {
    const set = await setOf(...Array.from({ length: 7 }, () => jwk('ES256', { kid: 'same' })))
    expect(findKeys(set, { algorithm: 'ES256', keyId: 'same' })).toHaveLength(4)
  })
})

describe('a key set in the configuration', () => {
  const down = { code: 'DOWN', reason: 'keys_unusable' } as const
  const context = (): void => undefined

  it('is ready when a key of it can be used', async () => {
    const source = staticKeys({ keys: [null, jwk('ES256')] })
    await expect(source.ready(context)).resolves.toBeUndefined()
  })

  it.each([[{ keys: [] }], [{ keys: [{}] }], [{ keys: [null] }]])(
    'is never ready when it is %j',
    async (jwks) => {
      const lookup = { algorithm: 'ES256', keyId: 'k', issuer: 'https://a.example' } as const
      await expectRefused(() => staticKeys(jwks).ready(context), down)
      await expectRefused(() => staticKeys(jwks).find(lookup, context), down)
    },
  )

  it('makes its issuer not ready when no key of it can be used', async () => {
    const name = 'https://a.example'
    const unusable = issuer({
      iss: name,
      audience: 'api',
      kind: 'by-client',
      keys: { jwks: { keys: [] } },
    })
    await expectRefused(() => unusable.ready(context), down)
  })
})

function deep(): unknown {
  return JSON.parse('['.repeat(60_000) + ']'.repeat(60_000))
}
