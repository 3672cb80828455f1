import { type Claims, IdentityError, type RefusalReason } from '@onbehalf/core'
import { parseJsonObject, parseToken } from '@onbehalf/core/internal'

/** What a load balancer signed. Nothing in it is trusted yet. */
export interface AlbAssertion {
  readonly header: Claims
  readonly claims: Claims
  readonly keyId: string
  /** As it arrived, padding included: the signature covers these bytes. */
  readonly signed: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

// It becomes a part of an address: nothing else may (server-side request forgery).
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
// ES256: two numbers of 32 bytes (RFC 7518 section 3.4).
const signatureBytes = 64

/**
 * Parses an assertion of an Application Load Balancer: a JWS in compact serialization that, contrary to
 * RFC 7515, has `=` padding in every part. Everything else keeps the rules of any token.
 *
 * @throws IdentityError `TOK`
 */
export function parseAssertion(text: string): AlbAssertion {
  const parts = text.split('.', 4)
  const token = parseToken(parts.map(withoutPadding).join('.'))
  const { algorithm, keyId } = token
  if (algorithm !== 'ES256') throw refused('algorithm')
  if (keyId === undefined || !uuid.test(keyId)) throw refused('malformed_key_id')
  const header = parseJsonObject(decode(token.protected))
  const signature = decode(token.signature)
  if (header === undefined || signature.length !== signatureBytes) throw malformed()
  const signed = new TextEncoder().encode(parts.slice(0, 2).join('.'))
  return { header, claims: token.claims, keyId, signed, signature }
}

/** One spelling only (RFC 4648 section 3.2): padded to a multiple of four characters. */
function withoutPadding(part: string): string {
  if (part.length % 4 !== 0) throw malformed()
  return part.replace(/={1,2}$/, '')
}

function decode(part: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(part, 'base64url'))
}

function malformed(): IdentityError {
  return refused('malformed_assertion')
}

function refused(reason: RefusalReason): IdentityError {
  return new IdentityError('TOK', { reason })
}
