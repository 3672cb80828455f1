import { allow, deny, type Guard, type Limit, type Taken } from '@onbehalf/core/guards'

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

/** @throws TypeError for anything but one of the two words */
export function assertStoreFails(whenStoreFails: 'open' | 'closed' | undefined): void {
  if (whenStoreFails === 'open' || whenStoreFails === 'closed') return
  throw new TypeError("whenStoreFails must be 'open' or 'closed'")
}

/** What becomes of a call that could not be counted. */
export function storeFailed(name: string, cause: unknown, refuses: boolean): Taken {
  return refuses
    ? Object.freeze({ ...deny(name, 'limit_unavailable'), cause })
    : { effect: 'allow', failure: cause }
}
