/** Whether a value is a non-empty string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** A non-empty string; anything else is absent. */
export function asText(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}
