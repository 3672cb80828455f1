import { IdentityError } from '../errors.ts'

/** How one header lists several names. */
export type ListFormat = 'comma' | 'semicolon' | 'pipe' | 'space' | 'json'

const separators: ReadonlyMap<string, string> = new Map([
  ['comma', ','],
  ['semicolon', ';'],
  ['pipe', '|'],
  ['space', ' '],
])

export const listFormats: readonly string[] = [...separators.keys(), 'json']

const maxNameLength = 256
const maxListLength = 4096

/**
 * Reads one name out of a header. A comma may be two header lines that something joined: it refuses.
 *
 * @returns `undefined` for an empty value
 * @throws IdentityError `TOK`
 */
export function readName(value: string): string | undefined {
  const text = decode(value)
  if (text === '') return undefined
  if (text.includes(',') || !isName(text)) throw refused()
  return text
}

/**
 * Reads a list of names in its one stated format. Nothing is split by guess: a value that could be
 * read in another way refuses.
 *
 * @throws IdentityError `TOK`
 */
export function readNames(value: string, format: ListFormat): readonly string[] {
  const text = decode(value)
  if (text.length > maxListLength) throw refused()
  if (text === '') return []
  const names = format === 'json' ? parseNames(text) : splitNames(text, format)
  if (!names.every(isName)) throw refused()
  return [...new Set(names)]
}

function parseNames(text: string): readonly string[] {
  try {
    const names: unknown = JSON.parse(text)
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  } catch {
    // Refused below, as any other value that is not a list.
  }
  throw refused()
}

// What quotes, escapes or nests a separator: LDAP names, quoted strings, JSON.
const nesting = /["\\=]|^\[.*\]$|^\{.*\}$/

function splitNames(text: string, format: Exclude<ListFormat, 'json'>): readonly string[] {
  if (nesting.test(text)) throw refused()
  return text.split(separators.get(format) as string)
}

/**
 * HTTP drops spaces and tabs around a value and nothing else (RFC 9110 section 5.5), and a value is
 * octets: what is beyond ASCII is read as UTF-8, which gateways write. No other encoding is guessed.
 */
function decode(value: string): string {
  const text = withoutBlanks(value)
  // The usual case; and a runtime that hands out text in place of octets is refused below.
  if (/^[\x20-\x7E]*$/.test(text)) return text
  if (!/^[\x20-\x7E\x80-\xFF]*$/.test(text)) throw refused()
  try {
    return utf8.decode(Uint8Array.from(text, (char) => char.charCodeAt(0)))
  } catch {
    throw refused()
  }
}

// Not a regular expression: on a value full of blanks it would take quadratic time.
function withoutBlanks(value: string): string {
  let [start, end] = [0, value.length]
  while (start < end && isBlank(value, start)) start += 1
  while (end > start && isBlank(value, end - 1)) end -= 1
  return value.slice(start, end)
}

function isBlank(value: string, at: number): boolean {
  return value[at] === ' ' || value[at] === '\t'
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Control and format characters, line separators, and all that is drawn as nothing: zero-width and
// bidirectional marks, fillers, variation selectors, tags, the empty Braille pattern.
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u

/**
 * Exactly what was sent names the user: no blank at an edge, which some hop would drop, and nothing
 * invisible, by which one name would look like another.
 */
function isName(name: string): boolean {
  if (name === '' || name.length > maxNameLength) return false
  return !/^\s|\s$/u.test(name) && !invisible.test(name)
}

function refused(): IdentityError {
  return new IdentityError('TOK', { reason: 'headers_value' })
}
