import { base64url } from 'jose'

import { isCanonicalBase64url } from '../token/base64url.ts'

const minBits = 2048
const maxBits = 8192
const minExponent = 65_537n
const maxExponent = 2n ** 32n

const smallPrimes: readonly bigint[] = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
].map(BigInt)

/** For each small prime, the residues that a modulus of the flawed generator can have. */
const rocaResidues: ReadonlyMap<bigint, ReadonlySet<bigint>> = new Map(
  smallPrimes.map((prime) => [prime, powersOf(minExponent % prime, prime)]),
)

/**
 * Whether an RSA public key is fit to verify with: 2048 to 8192 bits, odd, without a small factor,
 * not made by the generator of CVE-2017-15361 (ROCA), and an odd exponent from 65537 to 2^32.
 */
export function isSoundRsaKey(n: unknown, e: unknown): boolean {
  const modulus = toInteger(n)
  const exponent = toInteger(e)
  if (modulus === undefined || exponent === undefined) return false
  if (modulus.bits < minBits || modulus.bits > maxBits) return false
  if (exponent.value < minExponent || exponent.value > maxExponent) return false
  if (modulus.value % 2n === 0n || exponent.value % 2n === 0n) return false
  const residues = smallPrimes.map((prime) => [prime, modulus.value % prime] as const)
  if (residues.some(([, residue]) => residue === 0n)) return false
  return !residues.every(([prime, residue]) => rocaResidues.get(prime)?.has(residue))
}

function toInteger(text: unknown): { value: bigint; bits: number } | undefined {
  if (typeof text !== 'string' || text === '' || !isCanonicalBase64url(text)) return undefined
  // Longer than any key that would be accepted: not worth the arithmetic.
  if (text.length > maxBits / 6 + 8) return undefined
  const hex = Array.from(base64url.decode(text), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
  const value = BigInt(`0x${hex}`)
  return { value, bits: value.toString(2).length }
}

function powersOf(base: bigint, modulus: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>()
  for (let power = 1n; !powers.has(power); power = (power * base) % modulus) powers.add(power)
  return powers
}
