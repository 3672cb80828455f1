import type { Identity } from '../identity.ts'
import { type OneOrMore, requiredList } from '../internal/options.ts'
import { allow, deny, type Guard } from './guard.ts'

/**
 * Allows callers that hold at least one of the roles, whatever the organization. For a role inside
 * an organization use `organization({ roles })`.
 *
 * @throws TypeError when no role is named
 */
export function role(roles: OneOrMore<string>): Guard {
  const wanted = requiredList(roles, 'roles')
  return Object.freeze({
    name: 'role',
    decide: (identity: Identity) =>
      wanted.some((name) => identity.roles.includes(name))
        ? allow
        : deny('role', 'role_missing', { roles: wanted }),
  })
}
