import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/**
 * Writes any value, piece by piece, in a form that equal values share. For what JSON can say this
 * is canonical JSON (RFC 8785) of what `JSON.stringify` would send; BigInt, bytes and references to
 * an ancestor get special words, which no JSON text has. Neither depth nor cycles nor getters
 * that throw can break it.
 */
export function encodeValue(value: unknown, put: (piece: string) => void): void {
  const ancestors = new Set<object>()
  const open: Frame[] = []
  const enter = (item: unknown): void => {
    const known = toJson(item)
    if (typeof known !== 'object' || known === null) return put(scalarText(known))
    if (ArrayBuffer.isView(known) || known instanceof ArrayBuffer) return put(bytesText(known))
    if (ancestors.has(known)) return put('circular')
    ancestors.add(known)
    const frame = openFrame(known)
    open.push(frame)
    put(frame.isArray ? '[' : '{')
  }
  enter(value)
  for (let frame = open.at(-1); frame !== undefined; frame = open.at(-1)) {
    const step = nextMember(frame)
    if (step !== undefined) {
      put(step.prefix)
      enter(step.member)
    } else {
      put(frame.isArray ? ']' : '}')
      open.pop()
      ancestors.delete(frame.object)
    }
  }
}

interface Frame {
  readonly object: object
  readonly isArray: boolean
  readonly names: readonly string[]
  readonly length: number
  at: number
  written: number
}

function openFrame(object: object): Frame {
  const isArray = Array.isArray(object)
  const names = isArray ? [] : namesOf(object).toSorted()
  const length = isArray ? object.length : names.length
  return { object, isArray, names, length, at: 0, written: 0 }
}

function nextMember(frame: Frame): { prefix: string; member: unknown } | undefined {
  while (frame.at < frame.length) {
    const name = frame.names[frame.at] ?? String(frame.at)
    const member = readMember(frame.object, name)
    frame.at += 1
    if (!frame.isArray && isLeftOut(member)) continue
    const comma = frame.written > 0 ? ',' : ''
    frame.written += 1
    return { prefix: frame.isArray ? comma : `${comma}${JSON.stringify(name)}:`, member }
  }
  return undefined
}

/** Whether `JSON.stringify` leaves a member with this value out. */
export function isLeftOut(member: unknown): boolean {
  return member === undefined || typeof member === 'function' || typeof member === 'symbol'
}

/** Names of the members that `JSON.stringify` would write; none where a proxy throws. */
export function namesOf(object: object): string[] {
  try {
    return Object.keys(object)
  } catch {
    return []
  }
}

/** A member, or a word for it where reading it throws. */
export function readMember(object: object, name: string): unknown {
  try {
    return (object as Record<string, unknown>)[name]
  } catch {
    return '[Unreadable]'
  }
}

/** What `JSON.stringify` would write in place of an object that has a `toJSON`. */
export function toJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  try {
    const { toJSON } = value as { toJSON?: unknown }
    return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : value
  } catch {
    return '[Unreadable]'
  }
}

function scalarText(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  // What is left is written as `JSON.stringify` writes it inside an array.
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : 'null'
}

function bytesText(value: ArrayBuffer | ArrayBufferView): string {
  return `bytes(${bytesOf(value).toString('base64url')})`
}

/** The bytes of a view or buffer, not copied. */
export function bytesOf(value: ArrayBuffer | ArrayBufferView): Buffer {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

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
