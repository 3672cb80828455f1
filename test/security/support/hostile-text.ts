import { awkwardStrings } from './corpus.ts'

/** What breaks lines, terminals, quotes and readers' eyes. */
export const hostileTexts: readonly (readonly [name: string, text: string])[] = [
  ['a quote', 'x", error="none"'],
  ['a second parameter', 'x", resource_metadata="https://evil.example'],
  ['a backslash', 'x\\'],
  ['a backslash and a quote', 'x\\"'],
  ['CRLF', 'x\r\nset-cookie: a=b'],
  ['CRLF twice', 'x\r\n\r\n<html>'],
  ['LF', 'x\n{"type":"accepted"}'],
  ['a comma', 'x, Basic realm="x"'],
  ['U+2713', 'x\u2713'],
  ['an emoji', 'x\u{1F600}'],
  ['a lone surrogate', 'x\uD800'],
  ['NUL', 'x\u0000y'],
  ['ESC [2J', 'x\u001B[2Jy'],
  ['a C1 control', 'x\u009B2Jy'],
  ['DEL', 'x\u007Fy'],
  ['U+2028', 'x\u2028y'],
  ['U+2029', 'x\u2029y'],
  ['U+202E', 'x\u202Egnp.exe'],
  ['U+2066', 'x\u2066y\u2069'],
  ['a zero-width space', 'x\u200By'],
  ['a byte order mark', '\uFEFFx'],
  ['8 kB', 'x"'.repeat(4096)],
  ['a percent format', '%s%d%j%o'],
  ['a template', '${process.env.PATH}{{7*7}}'],
]

/** The same, and the third-party list where it is at hand. */
export function allAwkwardTexts(): readonly string[] {
  return [...hostileTexts.map(([, text]) => text), ...awkwardStrings()]
}

/** Nothing but printable ASCII: no line break, control, bidirectional or invisible character. */
export const printableLine = /^[\x20-\x7E]*$/
