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
