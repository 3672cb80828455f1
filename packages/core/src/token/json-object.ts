import { IdentityError, type RefusalDetail } from '../errors.ts'
import { isEmpty, isRecord, noteFrozen } from '../internal/values.ts'
import type { RefusalReason } from '../reasons.ts'

const maxDepth = 32
// Assigned onto another object, these members would reach its prototype.
const dangerous = new Set(['__proto__', 'constructor', 'prototype'])

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
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    if (!hasSafeShape(text)) return undefined
    const value: unknown = JSON.parse(text)
    if (!isRecord(value)) return undefined
    const object = harden(value) as JsonObject
    noteFrozen(object)
    return object
  } catch {
    // Not UTF-8 or not JSON: refused like everything else that is not an object.
    return undefined
  }
}

/** A member of an object; `undefined` when it is absent or {@link isEmpty}. */
export function memberOf(object: JsonObject, name: string): unknown {
  const value = object[name]
  return isEmpty(value) ? undefined : value
}

/** Scans before parsing: bounds the depth and refuses a name that is there twice in the outer object. */
function hasSafeShape(text: string): boolean {
  const names = new Set<string>()
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{' || char === '[') depth += 1
    if (char === '}' || char === ']') depth -= 1
    if (depth > maxDepth) return false
    if (char !== '"') continue
    const end = endOfString(text, at)
    if (depth === 1 && isName(text, end) && !addName(names, text.slice(at, end + 1))) return false
    at = end
  }
  return true
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return text.length
}

function isName(text: string, end: number): boolean {
  let at = end + 1
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at += 1
  return text[at] === ':'
}

function addName(names: Set<string>, literal: string): boolean {
  // Decoded first: "alg" and "\u0061lg" are the same member.
  const name = JSON.parse(literal) as string
  const size = names.size
  return names.add(name).size > size
}

function harden(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(harden))
  if (!isRecord(value)) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const [name, member] of Object.entries(value)) {
    if (!dangerous.has(name)) copy[name] = harden(member)
  }
  return Object.freeze(copy)
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
