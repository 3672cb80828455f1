import { allow, type Guard, type Limit } from '@onbehalf/core/guards'

/** A guard that allows, and leaves it to a limit. */
export function asGuard(limit: Limit): Guard {
  return Object.freeze({ name: limit.name, decide: () => allow, limits: Object.freeze([limit]) })
}

/** @throws TypeError for a name that does not fit into keys, records and answers */
export function assertName(name: string): void {
  if (typeof name === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(name)) return
  throw new TypeError('name must have letters, digits, ".", "_" and "-", at most 64')
}

/** @throws TypeError naming the option that is not a whole number from 1 on */
export function assertWhole(
  option: Readonly<Record<string, number>>,
  most: number = 2 ** 31 - 1,
): void {
  for (const [name, value] of Object.entries(option)) {
    if (Number.isInteger(value) && value >= 1 && value <= most) continue
    throw new TypeError(`${name} must be a whole number from 1 to ${most}`)
  }
}
