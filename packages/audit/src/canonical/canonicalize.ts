/**
 * Writes a JSON value in its one canonical form (RFC 8785): members sorted by UTF-16 code units, no
 * white space, numbers and strings as ECMAScript writes them. Members that are `undefined` are left
 * out. Recursive: the depth of the value must be bounded.
 *
 * @param prepare applied to every string and name first
 * @throws TypeError for what JSON cannot say: lone surrogates, infinities, functions, BigInt
 */
export function canonicalize(value: unknown, prepare?: (text: string) => string): string {
  return canonicalAsIs(value) ?? canonicalValue(value, prepare)
}

// Beyond printable ASCII, or escaped.
const unusual = /[^ -~]|\\/

/** What `JSON.stringify` writes, where that is canonical already: then it is by far the quickest. */
function canonicalAsIs(value: unknown): string | undefined {
  if (!isOrdered(value)) return undefined
  const text = JSON.stringify(value)
  return unusual.test(text) ? undefined : text
}

/** Whether a value is plain JSON, with the members of every object in order. */
function isOrdered(value: unknown): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return false
  const kind: unknown = Object.getPrototypeOf(value)
  if (kind === Object.prototype || kind === null) return hasOrderedMembers(value as Members)
  if (!Array.isArray(value)) return false
  // By number: `every` passes over holes.
  for (let at = 0; at < value.length; at++) if (!isOrdered(value[at])) return false
  return true
}

function hasOrderedMembers(members: Members): boolean {
  let last = ''
  for (const name in members) {
    const member = members[name]
    if (name < last || (member !== undefined && !isOrdered(member))) return false
    last = name
  }
  return true
}

function canonicalValue(value: unknown, prepare?: (text: string) => string): string {
  if (typeof value === 'string') return canonicalString(value, prepare)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value === null) return 'null'
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`)
  return Array.isArray(value)
    ? `[${Array.from(value, (item) => canonicalValue(item, prepare)).join(',')}]`
    : canonicalObject(value as Members, prepare)
}

type Members = Readonly<Record<string, unknown>>

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no infinity and no NaN')
  // RFC 8785 section 3.2.2.3: minus zero is written as 0, which ECMAScript does by itself.
  return String(value)
}

// Printable ASCII without quote and backslash: nothing to prepare, nothing to escape.
const plain = /^[ !#-[\]-~]*$/
const loneSurrogate = /\p{Surrogate}/u

function canonicalString(value: string, prepare?: (text: string) => string): string {
  if (plain.test(value)) return `"${value}"`
  const text = prepare === undefined ? value : prepare(value)
  if (loneSurrogate.test(text)) throw new TypeError('canonical JSON has no lone surrogates')
  return JSON.stringify(text)
}

function canonicalObject(members: Members, prepare?: (text: string) => string): string {
  const names = Object.keys(members)
  if (!isSorted(names)) names.sort()
  let text = '{'
  for (const name of names) {
    const isPlain = plain.test(name)
    if (prepare !== undefined && !isPlain) return reordered(members, prepare)
    const member = members[name]
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += isPlain ? `"${name}":` : `${canonicalString(name)}:`
    text += canonicalValue(member, prepare)
  }
  return `${text}}`
}

// Code unit order, as RFC 8785 section 3.2.3 asks and `sort` without a comparator gives.
function isSorted(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at++) {
    if ((names[at - 1] ?? '') > (names[at] ?? '')) return false
  }
  return true
}

// The order is that of the names as they are written.
function reordered(members: Members, prepare: (text: string) => string): string {
  const written = Object.entries(members)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => [prepare(name), canonicalValue(member, prepare)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${written.map(([name, text]) => `${canonicalString(name)}:${text}`).join(',')}}`
}
