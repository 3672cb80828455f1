import {
  checkPrimeSync,
  createPrivateKey,
  generateKeyPairSync,
  generatePrimeSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { publicJwk, type SigningKey } from './keys.ts'

/** A key of which the private half works and the public half must never be trusted. */
export interface WeakKey {
  readonly variant: string
  readonly key: SigningKey
  /** Why it is left out. */
  readonly ignored: 'weak' | 'malformed' | 'algorithm' | 'use' | 'private'
}

const members = { kid: 'weak' }

export function weakRsaKeys(): readonly WeakKey[] {
  const sound = rsaKey({ modulusLength: 2048 })
  const jwk = publicJwk(sound, { ...members, alg: 'RS256' })
  const weak = (variant: string, changes: object, privateKey = sound): WeakKey => ({
    variant,
    ignored: 'weak',
    key: toKey(privateKey, { ...publicJwk(privateKey, { ...members, alg: 'RS256' }), ...changes }),
  })
  const malformed = (variant: string, changes: object): WeakKey => ({
    ...weak(variant, changes),
    ignored: 'malformed',
  })
  return [
    weak('RSA of 1024 bits', {}, rsaKey({ modulusLength: 1024 })),
    weak('RSA of 2047 bits', {}, rsaKey({ modulusLength: 2047 })),
    weak('exponent 1', { e: 'AQ' }),
    weak('exponent 3', {}, rsaKey({ modulusLength: 2048, publicExponent: 3 })),
    weak('exponent 17', {}, rsaKey({ modulusLength: 2048, publicExponent: 17 })),
    weak('even exponent', { e: 'AQAC' }),
    weak('exponent 0', { e: 'AA' }),
    weak('exponent longer than 32 bits', { e: 'AQAAAAE' }),
    weak('even modulus', { n: evenModulus(String(jwk['n'])) }),
    weak('modulus with the factor 3', {}, smallFactorKey()),
    weak('ROCA (CVE-2017-15361)', {}, rocaKey()),
    weak('modulus of 16384 bits', { n: randomBytes(2048).toString('base64url') }),
    malformed('modulus in another alphabet', { n: `${String(jwk['n']).slice(0, -2)}+=` }),
    malformed('modulus as a number', { n: 12345 }),
    malformed('no modulus', { n: undefined }),
    malformed('no exponent', { e: undefined }),
    malformed('empty modulus', { n: '' }),
  ]
}

export function misusedKeys(): readonly WeakKey[] {
  const rsa = rsaKey({ modulusLength: 2048 })
  const ec = ecKey()
  const rs = (variant: string, changes: object, ignored: WeakKey['ignored']): WeakKey => ({
    variant,
    ignored,
    key: toKey(rsa, { ...publicJwk(rsa, { ...members, alg: 'RS256' }), ...changes }),
  })
  return [
    rs('use enc', { use: 'enc' }, 'use'),
    rs('use of another type', { use: ['sig'] }, 'use'),
    rs('key_ops encrypt', { key_ops: ['encrypt'] }, 'use'),
    rs('key_ops sign', { key_ops: ['sign'] }, 'use'),
    rs('key_ops as text', { key_ops: 'verify' }, 'use'),
    rs('empty key_ops', { key_ops: [] }, 'use'),
    rs('alg of encryption', { alg: 'RSA-OAEP' }, 'algorithm'),
    rs('alg none', { alg: 'none' }, 'algorithm'),
    rs('alg HS256', { alg: 'HS256' }, 'algorithm'),
    rs('an unknown key type', { kty: 'XYZ' }, 'algorithm'),
    rs('kid as a number', { kid: 1 }, 'malformed'),
    {
      variant: 'private RSA key',
      ignored: 'private',
      key: toKey(rsa, { ...rsa.export({ format: 'jwk' }), ...members, alg: 'RS256' }),
    },
    {
      variant: 'private EC key',
      ignored: 'private',
      key: toKey(ec, { ...ec.export({ format: 'jwk' }), ...members, alg: 'ES256' }, 'ES256'),
    },
    {
      variant: 'an empty private member',
      ignored: 'private',
      key: toKey(ec, { ...publicJwk(ec, { ...members, alg: 'ES256' }), d: '' }, 'ES256'),
    },
  ]
}

export function badCurveKeys(): readonly WeakKey[] {
  const ec = ecKey()
  const jwk = publicJwk(ec, { ...members, alg: 'ES256' })
  const bad = (
    variant: string,
    changes: object,
    ignored: WeakKey['ignored'] = 'malformed',
  ): WeakKey => ({ variant, ignored, key: toKey(ec, { ...jwk, ...changes }, 'ES256') })
  const zeros = Buffer.alloc(32).toString('base64url')
  return [
    bad('a point off the curve', { y: jwk['x'] }),
    bad('the point at zero', { x: zeros, y: zeros }),
    bad('a coordinate that is too long', { x: Buffer.alloc(33, 1).toString('base64url') }),
    bad('a coordinate beyond the field', { x: Buffer.alloc(32, 255).toString('base64url') }),
    bad('a coordinate in another alphabet', { x: `${String(jwk['x']).slice(0, -1)}=` }),
    bad('no y', { y: undefined }),
    bad('y of another type', { y: 7 }),
    bad('P-256 bound to ES384', { alg: 'ES384' }, 'algorithm'),
    bad('P-256 named P-384', { crv: 'P-384', alg: 'ES384' }),
    bad('secp256k1', { crv: 'secp256k1', alg: 'ES256K' }, 'algorithm'),
    bad('no curve', { crv: undefined }, 'algorithm'),
    bad('OKP with the bytes of an EC key', { kty: 'OKP' }, 'algorithm'),
    bad('X25519', { kty: 'OKP', crv: 'X25519', alg: 'EdDSA', y: undefined }, 'algorithm'),
    bad('an Ed25519 key of no bytes', { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', x: '' }),
  ]
}

function toKey(
  privateKey: KeyObject,
  jwk: Record<string, unknown>,
  algorithm: SigningKey['algorithm'] = 'RS256',
): SigningKey {
  return { algorithm, keyId: 'weak', privateKey, jwk }
}

function rsaKey(options: { modulusLength: number; publicExponent?: number }): KeyObject {
  return generateKeyPairSync('rsa', options).privateKey
}

function ecKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** An even number of the same length, without a small odd factor that would give it away. */
function evenModulus(text: string): string {
  const odd = oddPrimesBelow(200).map(BigInt)
  let value = BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`) - 1n
  while (odd.some((prime) => value % prime === 0n)) value -= 2n
  return Buffer.from(value.toString(16), 'hex').toString('base64url')
}

const exponent = 65_537n

/** Primes as the flawed generator made them: `k * M + (65537^a mod M)`, M a product of primes. */
function rocaKey(): KeyObject {
  const primes = [2, ...oddPrimesBelow(702)].map(BigInt)
  const primorial = primes.reduce((product, prime) => product * prime, 1n)
  const make = (): bigint => {
    for (;;) {
      const residue = power(exponent, randomInteger(64), primorial)
      // Far enough above 2^1023 for a modulus of 2048 bits: its length must not be what is weak.
      const factor = (3n << 1022n) / primorial + randomInteger(5)
      const candidate = factor * primorial + residue
      if (candidate >> 1023n === 1n && checkPrimeSync(candidate)) return candidate
    }
  }
  return fromPrimes(make(), make())
}

/** A modulus that anyone can begin to factor: three primes, the smallest of them 3. */
function smallFactorKey(): KeyObject {
  const [p, q] = [generatePrimeSync(1023, { bigint: true }), 3n]
  const r = generatePrimeSync(1024, { bigint: true })
  return fromPrimes(p * q, r, (p - 1n) * (q - 1n))
}

function fromPrimes(p: bigint, q: bigint, phiOfP = p - 1n): KeyObject {
  const d = inverse(exponent, phiOfP * (q - 1n))
  const text = (value: bigint): string => {
    const hex = value.toString(16)
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString(
      'base64url',
    )
  }
  const jwk = {
    kty: 'RSA',
    n: text(p * q),
    e: text(exponent),
    d: text(d),
    p: text(p),
    q: text(q),
    dp: text(d % (p - 1n)),
    dq: text(d % (q - 1n)),
    qi: text(inverse(q, p)),
  }
  return createPrivateKey({ key: jwk, format: 'jwk' })
}

function oddPrimesBelow(end: number): readonly number[] {
  const found: number[] = []
  for (let n = 3; n < end; n += 2) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}

function randomInteger(bytes: number): bigint {
  return BigInt(`0x${randomBytes(bytes).toString('hex')}`)
}

function power(base: bigint, exponentLeft: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = base % modulus
  for (let left = exponentLeft; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n]
  while (b > 0n) {
    const quotient = a / b
    ;[a, b] = [b, a % b]
    ;[x, y] = [y, x - quotient * y]
  }
  if (a !== 1n) throw new Error('not invertible: draw other primes')
  return ((x % modulus) + modulus) % modulus
}
