import { base64url } from 'jose'
import { textDigest } from '../internal/digest.ts'

// 256 bits: nobody guesses one, and nobody finds one by its digest, however fast digests are.
const secretBytes = 32
const secretLength = 43
const checkLength = 6

/** What every key of a server begins with: found by scanners of secrets, and known at a glance. */
export const keyPrefix: RegExp = /^[A-Za-z][A-Za-z0-9]{1,14}_$/

/** Makes the text of a key: the prefix, 32 random bytes and a checksum, all in base64url. */
export async function createKeyText(prefix: string): Promise<string> {
  const secret = base64url.encode(crypto.getRandomValues(new Uint8Array(secretBytes)))
  return prefix + secret + (await checkOf(prefix + secret))
}

/**
 * Whether a text is a key with this prefix, by its form and its checksum alone. The checksum finds what
 * was misread or made up. It proves nothing: anyone can compute it.
 */
export async function isKeyText(text: string, prefix: string): Promise<boolean> {
  const length = prefix.length + secretLength + checkLength
  if (text.length !== length || !text.startsWith(prefix)) return false
  return text.endsWith(await checkOf(text.slice(0, -checkLength)))
}

async function checkOf(text: string): Promise<string> {
  return (await textDigest(`api-key-check:${text}`)).slice(0, checkLength)
}
