/** A setting that has to be there. */
export function required(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

/** A setting with a default. */
export function optional(name: string, fallback: string): string {
  return process.env[name] || fallback
}
