import { isRecord } from './is-record.ts'

/** Every option of an interface (or of each member of a union), so that none can be forgotten. */
export type OptionNames<Options> = Readonly<
  Record<Options extends unknown ? keyof Options : never, true>
>

/**
 * Refuses options that are unknown or undefined: a misspelt list of the allowed, or an unset
 * variable, must not turn into "anyone".
 *
 * @param of what takes the options, for the message
 * @throws TypeError naming the option
 */
export function assertOptions<Options extends object>(
  of: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  if (!isRecord(options)) throw new TypeError(`${of}: the options must be an object`)
  // Inherited ones as well: reading an option finds those.
  for (const name in options) {
    if (!Object.hasOwn(known, name)) throw new TypeError(unknownOption(of, name, known))
    if (options[name] === undefined) throw new TypeError(`${name} must not be undefined`)
  }
}

function unknownOption(of: string, name: string, known: object): string {
  const near = Object.keys(known).find((option) => isNear(option, name))
  const suggestion = near === undefined ? '' : `; did you mean "${near}"?`
  return `${JSON.stringify(name)} is not an option of ${of}${suggestion}`
}

function isNear(option: string, name: string): boolean {
  const [a, b] = [option.toLowerCase(), name.toLowerCase()]
  // Half of a short name is another name.
  return distance(a, b) <= Math.min(2, Math.floor(a.length / 3))
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let line = 0; line < a.length; line++) {
    const next = [line + 1]
    for (let at = 0; at < b.length; at++) {
      const [replaced = 0, added = 0] = row.slice(at, at + 2)
      next.push(Math.min(replaced + Number(a[line] !== b[at]), added + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
