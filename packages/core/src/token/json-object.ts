import { IdentityError, type RefusalDetail } from '../errors.ts'
import { isEmpty, isRecord, noteFrozen } from '../internal/values.ts'
import type { RefusalReason } from '../reasons.ts'

const maxDepth = 32
// Assigned onto another object, these members would reach its prototype.
const dangerous = ['__proto__', 'constructor', 'prototype'] as const

/** A parsed JSON object with a null prototype and frozen, at every depth. */
export type JsonObject = { readonly [member: string]: unknown }

/**
 * Parses UTF-8 JSON text that has to be an object.
 *
 * Refuses invalid UTF-8, a byte order mark, duplicate members at the top level and more than 32
 * levels of nesting, so that every later reader sees what was verified and can walk it safely.
 *
 * @returns `undefined` when the bytes are refused
 */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = decoder.decode(bytes)
    if (!hasSafeShape(text)) return undefined
    const value: unknown = JSON.parse(text)
    if (!isRecord(value)) return undefined
    harden(value)
    noteFrozen(value)
    return value
  } catch {
    // Not UTF-8 or not JSON: refused like everything else that is not an object. A decoder that failed
    // may still hold a part of the text.
    decoder = createDecoder()
    return undefined
  }
}

let decoder = createDecoder()

function createDecoder() {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
}

/** A member of an object; `undefined` when it is absent or {@link isEmpty}. */
export function memberOf(object: JsonObject, name: string): unknown {
  const value = object[name]
  return isEmpty(value) ? undefined : value
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const spaces = [0x20, 0x09, 0x0d, 0x0a]
const opening = 0x7b
const closing = 0x7d
// Turns a square bracket into the curly one, and no other character that JSON has outside of text.
const curly = 0x20

/** Scans before parsing: bounds the depth and refuses a name that is there twice in the outer object. */
function hasSafeShape(text: string): boolean {
  const names = new Set<string>()
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const bracket = code | curly
    if (bracket === opening && ++depth > maxDepth) return false
    if (bracket === closing) depth -= 1
    if (code !== quote) continue
    const end = endOfString(text, at)
    if (depth === 1 && isName(text, end) && !addName(names, text.slice(at, end + 1))) return false
    at = end
  }
  return true
}

/** The place of the quote that ends the string which begins at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end < 0 ? text.length : end
}

/** Whether an odd number of backslashes is before it. A string begins with none. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === backslash) before -= 1
  return (at - before) % 2 === 0
}

function isName(text: string, end: number): boolean {
  let at = end + 1
  while (spaces.includes(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === colon
}

function addName(names: Set<string>, literal: string): boolean {
  // Decoded first: "alg" and "\u0061lg" are the same member.
  const name = literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1)
  const size = names.size
  return names.add(name).size > size
}

/** Takes prototypes away and freezes, in place: what was just parsed is nobody else's. */
function harden(value: object): void {
  if (!Array.isArray(value)) disarm(value)
  for (const member of Object.values(value) as readonly unknown[]) {
    if (typeof member === 'object' && member !== null) harden(member)
  }
  Object.freeze(value)
}

function disarm(value: object): void {
  for (const name of dangerous) if (Object.hasOwn(value, name)) Reflect.deleteProperty(value, name)
  Object.setPrototypeOf(value, null)
}

/** When a token is looked at. */
export interface ValidityOptions {
  /** Seconds since 1970. */
  readonly now: number
  /** Tolerated difference between clocks, in seconds. */
  readonly skewSeconds: number
}

/**
 * Checks `exp` and `nbf` where they are present (RFC 7519 section 4.1): a token is good from
 * `nbf - skew` to just before `exp + skew`.
 *
 * Does NOT require the claims and does NOT bound the lifetime: an issuer does.
 *
 * @throws IdentityError `TOK`
 */
export function checkValidity(claims: JsonObject, options: ValidityOptions): void {
  const expires = readTime(claims, 'exp')
  // Asked for what must hold: a clock that shows no time (NaN) compares false and refuses.
  if (expires !== undefined && !(options.now < expires + options.skewSeconds)) {
    throw refused('expired', { claim: 'exp' })
  }
  const starts = readTime(claims, 'nbf')
  if (starts !== undefined && !(starts - options.skewSeconds <= options.now)) {
    throw refused('not_yet_valid', { claim: 'nbf' })
  }
}

/**
 * Reads a NumericDate (RFC 7519 section 2): a finite, positive number of seconds since 1970;
 * `nbf` may be 0.
 *
 * @throws IdentityError `TOK`
 */
export function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = memberOf(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw refused(`bad_${name}`, { claim: name })
  // `nbf: 0` is how some libraries write "from the beginning".
  if (value < 0 || (value === 0 && name !== 'nbf')) throw refused(`bad_${name}`, { claim: name })
  return value
}

function refused(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('TOK', { reason, failure })
}
