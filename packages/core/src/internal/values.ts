/** Whether a value is an object and not an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a claim says nothing: serializers write `null` or empty text for what they do not have. */
export function isEmpty(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === ''
}

/** Whether a value is a non-empty string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** A non-empty string; anything else is absent. */
export function asText(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}

/** The list that most tokens have of roles or scopes. */
export const none: readonly never[] = Object.freeze([])

// Frozen at every depth: nobody has to walk them again to find that out.
const frozen = new WeakSet<object>([none])

/** Notes a value that was frozen at every depth while it was made. */
export function noteFrozen(value: object): void {
  frozen.add(value)
}

/** Whether a value was given to {@link noteFrozen}. */
export function isNotedFrozen(value: object): boolean {
  return frozen.has(value)
}

/** Freezes a value and everything inside it. */
export function deepFreeze<T>(value: T, seen: Set<unknown> = new Set()): T {
  if (typeof value !== 'object' || value === null || seen.has(value)) return value
  if (frozen.has(value)) return value
  // JavaScript cannot freeze the bytes of a view; a schema may have made one out of a claim.
  if (ArrayBuffer.isView(value)) return value
  seen.add(value)
  Object.freeze(value)
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object') deepFreeze(member, seen)
  }
  return value
}
