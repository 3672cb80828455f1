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
