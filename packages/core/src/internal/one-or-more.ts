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
