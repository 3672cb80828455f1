import { reservedCognitoClaims } from '@onbehalf/core/internal'

// What decides on scopes, actors and the holder's key in the token itself.
const reservedInToken: ReadonlySet<string> = new Set(['act', 'aud', 'cnf', 'scp'])
// What a server reads about the user, beside what is reserved in the token.
const reservedInClaim: ReadonlySet<string> = new Set([
  'client',
  'groups',
  'issuer',
  'kind',
  'may_act',
  'org_id',
  'org_name',
  'organization',
  'organizations',
  'original_sub',
  'roles',
  'sid',
  'subject',
])
// It does not become an own member of an object.
const impossible = '__proto__'

/**
 * Checks the name of a claim that a trigger is to add to a token.
 *
 * @throws TypeError
 */
export function assertFreeClaim(name: string, option: string): void {
  if (typeof name !== 'string' || name === '' || name === impossible) {
    throw new TypeError(`${option} must be the name of a claim`)
  }
  if (isReservedInToken(name)) throw new TypeError(`${option}: "${name}" is reserved`)
}

/** The first member of the user's claim that is not for `map` to write. */
export function reservedMember(members: object): string | undefined {
  return Object.keys(members).find((name) => isReservedInToken(name) || reservedInClaim.has(name))
}

function isReservedInToken(name: string): boolean {
  return reservedCognitoClaims.has(name) || reservedInToken.has(name) || name.startsWith('cognito:')
}
