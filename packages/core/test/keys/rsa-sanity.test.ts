import type { JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseKeySet } from '../../src/keys/key-set.ts'
import { processorTime } from '../support/processor-time.ts'
import { createSigner } from '../support/signer.ts'

let good: JWK
let modulus: bigint

beforeAll(async () => {
  good = (await createSigner('k1', 'RS256')).jwk
  modulus = fromText(good.n as string)
})

const primes = [3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n, 59n, 61n]
  .concat([67n, 71n, 73n, 79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n, 137n, 139n])
  .concat([149n, 151n, 157n, 163n, 167n])
const product = primes.reduce((all, prime) => all * prime, 1n)

describe('an RSA key of a key set', () => {
  it('is used when it is sound', async () => {
    expect(await ignoredOf({})).toEqual([])
  })

  it.each([1n, 3n, 5n, 17n, 257n, 65_536n, 65_538n, 2n ** 32n + 1n, 2n ** 64n + 1n])(
    'is ignored with the exponent %s',
    async (exponent) => {
      expect(await ignoredOf({ e: toText(exponent) })).toEqual(['weak'])
    },
  )

  it.each([65_537n, 65_539n, 2n ** 32n - 1n])('may have the exponent %s', async (exponent) => {
    expect(await ignoredOf({ e: toText(exponent) })).toEqual([])
  })

  it.each([512, 1024, 2047, 8193, 16_384])('is ignored with %i bits', async (bits) => {
    expect(await ignoredOf({ n: toText(soundOf(bits)) })).toEqual(['weak'])
  })

  it.each([2048, 3072, 4096, 8192])('may have %i bits', async (bits) => {
    expect(await ignoredOf({ n: toText(soundOf(bits)) })).toEqual([])
  })

  it('does not gain bits by leading zeros', async () => {
    const padded = Buffer.concat([Buffer.alloc(128), toBytes(soundOf(1024))]).toString('base64url')
    expect(await ignoredOf({ n: padded })).toEqual(['weak'])
  })

  it('is ignored when its modulus is even', async () => {
    expect(await ignoredOf({ n: toText(modulus + 1n) })).toEqual(['weak'])
  })

  it.each(primes)('is ignored when %s divides its modulus', async (prime) => {
    const multiple = oddMultiple(modulus, prime)
    expect(multiple % prime).toBe(0n)
    expect(await ignoredOf({ n: toText(multiple) })).toEqual(['weak'])
  })

  it('may have a modulus that no prime up to 167 divides', async () => {
    expect(await ignoredOf({ n: toText(withoutSmallFactor(modulus, 173n)) })).toEqual([])
  })

  it('is ignored when the generator of CVE-2017-15361 could have made it', async () => {
    // 1 is a power of 65537 modulo every prime: the fingerprint of that generator.
    const start = 2n ** 2047n / product
    const fingerprint = (start + (start % 2n)) * product + 1n + 2n * product
    expect(fingerprint.toString(2)).toHaveLength(2048)
    expect(await ignoredOf({ n: toText(fingerprint) })).toEqual(['weak'])
  })

  it.each([
    ['n', undefined],
    ['n', ''],
    ['n', 7],
    ['n', null],
    ['n', ['AQAB']],
    ['e', undefined],
    ['e', ''],
    ['e', 65_537],
    ['e', 'AQAB='],
    ['e', 'AQA\n'],
    ['e', 'AQ+B'],
    // Not canonical: unused bits are set.
    ['e', 'AQABAB'],
  ])('is ignored when %s is %j', async (name, value) => {
    expect(await ignoredOf({ [name]: value })).toEqual(['malformed'])
  })

  it('costs nothing when its modulus is enormous', async () => {
    const spent = processorTime()
    expect(await ignoredOf({ n: 'A'.repeat(200_000) })).toEqual(['weak'])
    expect(spent()).toBeLessThan(500)
  })
})

async function ignoredOf(members: object): Promise<readonly string[]> {
  const set = await parseKeySet({ keys: [{ ...good, ...members }] })
  expect(set?.keys).toHaveLength(1 - (set?.ignored.length ?? 0))
  return set?.ignored ?? []
}

/** A number of this many bits without a small factor. It need not be a real modulus. */
function soundOf(bits: number): bigint {
  return withoutSmallFactor(2n ** BigInt(bits - 1) + 1n, 1n)
}

function withoutSmallFactor(start: bigint, factor: bigint): bigint {
  const first = start - (start % factor)
  for (let n = first % 2n === 0n ? first + factor : first; ; n += 2n * factor) {
    if (primes.every((prime) => n % prime !== 0n)) return n
  }
}

function oddMultiple(near: bigint, prime: bigint): bigint {
  const multiple = near - (near % prime)
  return multiple % 2n === 0n ? multiple - prime : multiple
}

function fromText(text: string): bigint {
  return BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
}

function toBytes(value: bigint): Buffer {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

function toText(value: bigint): string {
  return toBytes(value).toString('base64url')
}
