import type { Algorithm, VerificationKey } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { findKeys, parseKeySet } from '../../src/keys/key-set.ts'
import { algorithms, isAlgorithm } from '../../src/token/algorithm.ts'
import { parseToken } from '../../src/token/parse-token.ts'
import { verifySignature } from '../../src/token/verify-signature.ts'
import { createSigner, encode, type Signer } from '../support/signer.ts'

async function keysOf(...signers: readonly Signer[]): Promise<readonly VerificationKey[]> {
  const set = await parseKeySet({ keys: signers.map(({ jwk }) => jwk) })
  return set?.keys ?? []
}

describe('verifySignature', () => {
  const signed: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'Ed25519']

  it.each(signed)('finds the key that signed with %s', async (algorithm) => {
    const [signer, other] = [await createSigner('k1', algorithm), await createSigner('k2')]
    const [, key] = await keysOf(other, signer)
    const token = parseToken(await signer.sign({ sub: 'jane' }))
    expect(await verifySignature(token, await keysOf(other, signer))).toMatchObject({
      keyId: 'k1',
      algorithms: key?.algorithms,
    })
  })

  it('finds nothing among the keys of others, nor among none', async () => {
    const [signer, other] = [await createSigner(), await createSigner()]
    const token = parseToken(await signer.sign({}))
    expect(await verifySignature(token, await keysOf(other))).toBeUndefined()
    expect(await verifySignature(token, [])).toBeUndefined()
  })

  it('finds nothing when any bit of header, payload or signature was changed', async () => {
    const signer = await createSigner()
    const keys = await keysOf(signer)
    const good = await signer.sign({ sub: 'jane', exp: 1 })
    const [header, payload, signature] = good
      .split('.')
      .map((part) => Buffer.from(part, 'base64url'))
    const flips = Array.from({ length: 64 }, (_, bit) => flip(signature as Buffer, bit * 8))
    for (const changed of flips) {
      const token = `${encode(header as Buffer)}.${encode(payload as Buffer)}.${encode(changed)}`
      expect(await verifySignature(parseToken(token), keys)).toBeUndefined()
    }
    const forged = JSON.stringify({ sub: 'root', exp: 1 })
    const token = `${encode(header as Buffer)}.${encode(forged)}.${encode(signature as Buffer)}`
    expect(await verifySignature(parseToken(token), keys)).toBeUndefined()
  })

  it.each([
    ['empty', ''],
    ['one zero byte', encode(Uint8Array.of(0))],
    ['zero in both halves', encode(new Uint8Array(64))],
    ['too long', encode(new Uint8Array(65).fill(1))],
  ])('finds nothing for an ECDSA signature that is %s', async (_, signature) => {
    const signer = await createSigner()
    const [header, payload] = (await signer.sign({})).split('.')
    const token = parseToken(`${header}.${payload}.${signature}`)
    expect(await verifySignature(token, await keysOf(signer))).toBeUndefined()
  })

  it('does not let a token choose another algorithm than the one its key is bound to', async () => {
    const signer = await createSigner('k1', 'RS256')
    const bound = await keysOf(signer)
    const token = parseToken(await signer.sign({}, { alg: 'RS512' }))
    expect(await verifySignature(token, bound)).toBeUndefined()
    expect(await verifySignature({ ...token, algorithm: 'PS256' }, bound)).toBeUndefined()
  })

  it('binds a key without an algorithm to those of its type and curve', async () => {
    const { jwk } = await createSigner('k1', 'ES384')
    const { alg: _, ...free } = jwk
    const set = await parseKeySet({ keys: [free] })
    expect(set?.keys[0]?.algorithms).toEqual(['ES384'])
    expect(findKeys(set as never, { algorithm: 'ES256', keyId: 'k1' })).toEqual([])
  })
})

describe('algorithms', () => {
  it('are the asymmetric ones', () => {
    const names = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'
    expect(algorithms).toEqual(names.split(' '))
    expect(Object.isFrozen(algorithms)).toBe(true)
  })

  it.each(['none', 'HS256', 'rs256', 'RS256 ', '', undefined, null, ['RS256'], 'toString'])(
    'do not include %j',
    (name) => {
      expect(isAlgorithm(name)).toBe(false)
    },
  )
})

function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
