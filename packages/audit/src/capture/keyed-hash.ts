import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { encodeValue } from './encode-value.ts'

// Pieces are joined up to this many characters, so that a large value is never one more string.
const chunkLength = 65_536

/** Hashes under a secret key: who lacks it cannot find a short value by trying all of them. */
export interface KeyedHash {
  /** HMAC-SHA-256 of the value in the form of `encodeValue`, base64url. */
  ofValue(value: unknown): string
  /** HMAC-SHA-256 of a text, base64url. */
  ofText(text: string): string
}

/** @throws TypeError when the key is shorter than the hash */
export function createKeyedHash(key: Uint8Array): KeyedHash {
  if (!(key instanceof Uint8Array) || key.byteLength < 32) {
    throw new TypeError('key must have at least 32 bytes')
  }
  const secret = createSecretKey(key)
  return {
    ofValue: (value) => hashValue(secret, value),
    ofText: (text) => createHmac('sha256', secret).update(text).digest('base64url'),
  }
}

function hashValue(secret: KeyObject, value: unknown): string {
  const hmac = createHmac('sha256', secret)
  let chunk = ''
  encodeValue(value, (piece) => {
    chunk += piece
    if (chunk.length < chunkLength) return
    hmac.update(chunk)
    chunk = ''
  })
  return hmac.update(chunk).digest('base64url')
}
