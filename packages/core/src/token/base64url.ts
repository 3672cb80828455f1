import { base64url } from 'jose'

const alphabet = /^[A-Za-z0-9_-]*$/

// The last character of a group of 2 or 3 carries 4 or 2 bits that no byte uses: they must be zero,
// or one token would have several spellings (RFC 4648 section 3.5).
const lastOf2 = 'AQgw'
const lastOf3 = 'AEIMQUYcgkosw048'

/** Whether text is canonical, unpadded base64url (RFC 7515 section 2). */
export function isCanonicalBase64url(text: string): boolean {
  const last = text.at(-1) ?? ''
  switch (text.length % 4) {
    case 1:
      return false
    case 2:
      return lastOf2.includes(last) && alphabet.test(text)
    case 3:
      return lastOf3.includes(last) && alphabet.test(text)
    default:
      return alphabet.test(text)
  }
}

const buffer = globalThis.process?.getBuiltinModule?.('node:buffer')?.Buffer

/** The bytes of canonical base64url: what {@link isCanonicalBase64url} lets through. */
export const toBytes: (text: string) => Uint8Array =
  buffer === undefined ? (text) => base64url.decode(text) : (text) => buffer.from(text, 'base64url')
