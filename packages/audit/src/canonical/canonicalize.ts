/**
 * Writes a JSON value in its one canonical form (RFC 8785): members sorted by UTF-16 code units, no
 * white space, numbers and strings as ECMAScript writes them. Members that are `undefined` are left
 * out. Recursive: the depth of the value must be bounded.
 *
 * @param prepare applied to every string and name first
 * @throws TypeError for what JSON cannot say: lone surrogates, infinities, functions, BigInt
 */
export function canonicalize(value: unknown, prepare?: (text: string) => string): string {
  if (typeof value === 'string') return canonicalString(value, prepare)
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value === null) return 'null'
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`)
  return Array.isArray(value)
    ? `[${value.map((item) => canonicalize(item, prepare)).join(',')}]`
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
    text += canonicalize(member, prepare)
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
    .map(([name, member]) => [prepare(name), canonicalize(member, prepare)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${written.map(([name, text]) => `${canonicalString(name)}:${text}`).join(',')}}`
}
