/**
 * Checks where an option says that facts stand.
 *
 * @throws TypeError naming the member that is unknown or reads nothing
 */
export function assertClaimMap(map: object, members: readonly string[]): void {
  for (const [name, reader] of Object.entries(map)) {
    if (!members.includes(name)) throw new TypeError(`claimMap.${name} is unknown`)
    if (isReader(reader)) continue
    throw new TypeError(`claimMap.${name} must be a claim's name, a path to it or a function`)
  }
}

function isReader(value: unknown): boolean {
  if (typeof value === 'function') return true
  const path: unknown = typeof value === 'string' ? [value] : value
  if (!Array.isArray(path) || path.length === 0) return false
  return path.every((name) => typeof name === 'string' && name !== '')
}
