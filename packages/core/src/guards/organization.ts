import type { Identity, Organization } from '../identity.ts'
import { assertOptions, type OneOrMore, type OptionNames, toList } from '../internal/options.ts'
import { type Call, type Decision, deny, type Guard, type Requirement, unknown } from './guard.ts'

/** An identity whose organization is known. */
export type WithOrganization = Identity & { readonly organization: Organization }

export interface OrganizationOptions<A = unknown> {
  /** Organizations that may call. Absent: any. */
  readonly ids?: OneOrMore<string>
  /** The caller holds at least one of these roles in the organization. */
  readonly roles?: OneOrMore<string>
  /**
   * Reads the organization out of the arguments. The caller must be in it: this closes the hole
   * where a model writes another tenant's id into a call. Runs on the arguments as they were sent
   * and again as they were validated; both must pass.
   *
   * `'path'`: the organization in the path of the request, of a server whose `resource` has
   * `{organization}` in it. Without one there the call is denied.
   */
  readonly match?: 'path' | ((args: A) => string | undefined)
}

/**
 * Allows callers that act in an organization.
 *
 * Without `match` the caller's current organization decides; if the token lists several without
 * naming a current one, `ids` must single one out. With `match` every organization of the caller
 * counts, and the one that matched becomes the current one for the handler. The path of a request is
 * known while a list is filtered as well.
 *
 * @throws TypeError when `ids` or `roles` is an empty list, or a rule is undefined or unknown
 */
export function organization<A = unknown>(
  ...given: readonly [options?: OrganizationOptions<A>]
): Guard<WithOrganization> {
  // Options that were given and are undefined, such as an unset variable, must not become "any".
  const options = given.length === 0 ? {} : (given[0] as OrganizationOptions<A>)
  assertRules(options)
  const ids = toList(options.ids, 'ids')
  const roles = toList(options.roles, 'roles')
  const byPath = options.match === 'path'
  const match = byPath ? undefined : (options.match as ((args: unknown) => unknown) | undefined)
  const required: Requirement = {
    ...(ids && { organizations: ids }),
    ...(roles && { roles }),
  }

  function decide(identity: Identity, call?: Call): Decision {
    const isMatched = byPath || (match !== undefined && call !== undefined)
    const named = byPath ? identity.resource?.organization : call && match?.(call.arguments)
    const mine = candidates(identity, options.match !== undefined)
    if (mine.length === 0) return deny('organization', 'org_missing', required)
    const fitting = mine.filter(
      (org) => (!ids || ids.includes(org.id)) && (!isMatched || org.id === named),
    )
    if (fitting.length === 0) return deny('organization', 'org_mismatch', required)
    const open = match !== undefined && call === undefined
    if (fitting.length > 1 && !open) return deny('organization', 'org_ambiguous', required)
    const held = fitting.filter((org) => !roles || roles.some((role) => org.roles.includes(role)))
    const [first] = held
    if (first === undefined) return deny('organization', 'org_role_missing', required)
    return open ? unknown : select(first)
  }

  return Object.freeze({ name: 'organization', decide })
}

const optionNames: OptionNames<OrganizationOptions> = { ids: true, roles: true, match: true }

function assertRules(options: OrganizationOptions<never>): void {
  assertOptions('organization', options, optionNames)
  if ('match' in options && typeof options.match !== 'function' && options.match !== 'path') {
    throw new TypeError("match must be a function or 'path'")
  }
}

function candidates(identity: Identity, everyOne: boolean): readonly Organization[] {
  if (identity.organization === undefined) return identity.organizations
  if (!everyOne) return [identity.organization]
  const { organization: current, organizations } = identity
  return organizations.some(({ id }) => id === current.id)
    ? organizations
    : [current, ...organizations]
}

/** Always named, also when it is the current one: combined guards must speak of the same. */
function select({ id }: Organization): Decision {
  return Object.freeze({ effect: 'allow', organization: id })
}
