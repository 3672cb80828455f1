/**
 * Writes a JSON value in its one canonical form (RFC 8785): members sorted by UTF-16 code units, no
 * white space, numbers and strings as ECMAScript writes them. Members that are `undefined` are left
 * out. Recursive: the depth of the value must be bounded.
 *
 * @param prepare applied to every string and name first
 * @throws TypeError for what JSON cannot say: lone surrogates, infinities, functions, BigInt
 */
export function canonicalize(value: unknown, prepare: (text: string) => string = same): string {
  if (typeof value === 'string') return canonicalString(prepare(value))
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (value === null) return 'null'
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`)
  return Array.isArray(value)
    ? `[${value.map((item) => canonicalize(item, prepare)).join(',')}]`
    : canonicalObject(value as Readonly<Record<string, unknown>>, prepare)
}

function same(text: string): string {
  return text
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no infinity and no NaN')
  // RFC 8785 section 3.2.2.3: minus zero is written as 0, which ECMAScript does by itself.
  return String(value)
}

const plain = /^[ !#-[\]-~]*$/
const loneSurrogate = /\p{Surrogate}/u

function canonicalString(value: string): string {
  if (plain.test(value)) return `"${value}"`
  if (loneSurrogate.test(value)) throw new TypeError('canonical JSON has no lone surrogates')
  return JSON.stringify(value)
}

function canonicalObject(
  members: Readonly<Record<string, unknown>>,
  prepare: (text: string) => string,
): string {
  let text = '{'
  for (const [name, key] of sortedNames(members, prepare)) {
    const member = members[key]
    if (member === undefined) continue
    text += `${text === '{' ? '' : ','}${canonicalString(name)}:${canonicalize(member, prepare)}`
  }
  return `${text}}`
}

// Without a comparator the order is by UTF-16 code units, as RFC 8785 section 3.2.3 asks. It is the
// order of the names as they are written.
function sortedNames(
  members: object,
  prepare: (text: string) => string,
): readonly (readonly [name: string, key: string])[] {
  const names = new Map(Object.keys(members).map((key) => [prepare(key), key]))
  return [...names.keys()].toSorted().map((name) => [name, names.get(name) ?? name])
}
