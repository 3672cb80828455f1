import { IdentityError } from '@onbehalf/core'

type Json = Readonly<Record<string, unknown>>

/** What a load balancer signed. */
export interface AlbAssertion {
  readonly header: Json
  readonly claims: Json
  /** As it came, padding included: that is what was signed. */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

const maxLength = 16_384
const segment = /^[A-Za-z0-9_-]+={0,2}$/

/**
 * Parses an assertion of an Application Load Balancer: a JWS in compact serialization, other than RFC
 * 7515 with `=` padding in every part.
 *
 * @throws IdentityError `TOK`
 */
export function parseAssertion(text: string): AlbAssertion {
  const parts = text.length <= maxLength ? text.split('.') : []
  const [header = '', payload = '', signature = ''] = parts
  if (parts.length !== 3) throw malformed()
  const bytes = decode(signature)
  // ES256: two numbers of 32 bytes (RFC 7518 section 3.4).
  if (bytes.length !== 64) throw malformed()
  return {
    header: parseObject(decode(header)),
    claims: parseObject(decode(payload)),
    signed: Buffer.from(`${header}.${payload}`),
    signature: bytes,
  }
}

function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const padded = bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
  // One spelling only (RFC 4648 section 3.5).
  if (!segment.test(text) || padded !== text) throw malformed()
  return bytes
}

function parseObject(bytes: Buffer): Json {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return Object.assign(Object.create(null) as object, value) as Json
    }
  } catch {
    // Not UTF-8 or not JSON: refused as everything else that is no object.
  }
  throw malformed()
}

function malformed(): IdentityError {
  return new IdentityError('TOK', { reason: 'malformed_assertion' })
}
