import { base64url } from 'jose'

/** SHA-256. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  // Two digests of nothing would be equal.
  if (hash?.byteLength !== 32) throw new TypeError('No digest was made')
  return new Uint8Array(hash)
}

/** SHA-256 of UTF-8 text, in base64url: for keys of stores and for `ath`. */
export async function textDigest(text: string): Promise<string> {
  return textDigestNow(text) ?? base64url.encode(await sha256(new TextEncoder().encode(text)))
}

const node = globalThis.process?.getBuiltinModule?.('node:crypto')
// 32 bytes, unpadded.
const digestLength = 43

/**
 * {@link textDigest} without a wait: WebCrypto sends every digest through a pool of threads, which
 * takes longer than the digest. Undefined where the runtime has no other way.
 */
export function textDigestNow(text: string): string | undefined {
  if (typeof node?.hash !== 'function') return undefined
  const digest = node.hash('sha256', text, 'base64url')
  if (digest?.length !== digestLength) throw new TypeError('No digest was made')
  return digest
}

/** Compares without telling by time where two byte strings differ. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (const [at, byte] of a.entries()) difference |= byte ^ (b[at] ?? 0)
  return difference === 0
}
