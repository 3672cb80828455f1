import { isRecord } from './values.ts'

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

/** One value, or a list of values of which none may be left out by accident. */
export type OneOrMore<T> = T | readonly T[]

/** Normalizes an optional one-or-more option; an empty list or entry is a programmer mistake. */
export function toList(
  value: OneOrMore<string> | undefined,
  option: string,
): readonly string[] | undefined {
  if (value === undefined) return undefined
  const list = typeof value === 'string' ? [value] : value
  if (!isListOfNames(list)) throw new TypeError(`${option} must name at least one non-empty string`)
  return Object.freeze([...list])
}

function isListOfNames(list: unknown): boolean {
  if (!Array.isArray(list) || list.length === 0) return false
  return list.every((item) => typeof item === 'string' && item !== '')
}

/** As {@link toList}, for an option that has to be given. */
export function requiredList(
  value: OneOrMore<string> | undefined,
  option: string,
): readonly string[] {
  const list = toList(value, option)
  if (list === undefined) throw new TypeError(`${option} is required`)
  return list
}

/**
 * Refuses options that are there and undefined. An unset variable must not turn a list of the
 * allowed into "anyone".
 */
export function assertDefined(options: object, names: readonly string[]): void {
  for (const name of names) {
    if (name in options && options[name as keyof typeof options] === undefined) {
      throw new TypeError(`${name} must not be undefined`)
    }
  }
}

/**
 * Normalizes the name of a header option.
 *
 * @throws TypeError when it is not a valid header name (RFC 9110 section 5.1)
 */
export function headerName(name: string, option: string): string {
  // Without an underscore: that spelling is treated as an attempt to smuggle.
  const valid = typeof name === 'string' && /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/.test(name)
  if (!valid) throw new TypeError(`${option} is not a valid header name`)
  return name.toLowerCase()
}

/**
 * Makes a user's callback safe to call: whatever it throws or rejects with goes to `onFailure` and
 * nowhere else. Neither can change the decision that is reported, nor end the process.
 */
export function toObserver<Event extends unknown[]>(
  callback: ((...event: Event) => unknown) | undefined,
  onFailure: (cause: unknown) => void = () => {},
): (...event: Event) => void {
  if (callback === undefined) return () => {}
  const failed = (cause: unknown): void => {
    try {
      onFailure(cause)
    } catch {
      // There is no one left to report to.
    }
  }
  return (...event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be unhandled.
      void Promise.resolve(callback(...event)).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}

/**
 * Reads the user's clock. Every comparison with a time that is not a number would be false, and
 * nothing would ever expire.
 *
 * @throws TypeError when it shows no time
 */
export function readClock(clock: () => number): number {
  const now = clock()
  if (!Number.isFinite(now)) throw new TypeError('The clock returned no number')
  return now
}

/** Seconds since 1970, by the clock of the system. */
export const systemTime = (): number => Date.now() / 1000
