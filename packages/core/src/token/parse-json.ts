import { isRecord } from '../internal/is-record.ts'
import { isEmpty } from '../internal/text.ts'

const maxDepth = 32
// Assigned onto another object, these members would reach its prototype.
const dangerous = new Set(['__proto__', 'constructor', 'prototype'])

// Frozen at every depth: nobody has to walk them again to find that out.
const parsed = new WeakSet<object>()

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
    parsed.add(object)
    return object
  } catch {
    // Not UTF-8 or not JSON: refused like everything else that is not an object.
    return undefined
  }
}

/** Whether an object was made by {@link parseJsonObject}. */
export function isParsedObject(value: object): boolean {
  return parsed.has(value)
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
