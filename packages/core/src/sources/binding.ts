import { IdentityError, type RefusalDetail } from '../errors.ts'
import type { Organization } from '../identity.ts'

/** What two credentials have to agree on. */
interface InOrganizations {
  readonly organizations: readonly Organization[]
  readonly organization?: Organization | undefined
}

/** What the gateway's own credential says about tenants. */
export interface Tenancy {
  readonly organizations: readonly Organization[]
  /** Whether it names organizations that cannot be read. */
  readonly organizationsUnread?: boolean | undefined
}

type Within = Required<Pick<InOrganizations, 'organizations'>> & {
  readonly organization: Organization | undefined
}

/**
 * Limits a caller to the organizations of the gateway. A gateway of certain organizations brings
 * callers of these only, and they act in these only, whatever else they belong to.
 *
 * @throws IdentityError `BIND` when the caller is in none of them
 */
export function withinTenants(caller: InOrganizations, machine: Tenancy): Within {
  // A tenant that cannot be read must not turn into no limit.
  if (machine.organizationsUnread) throw broken('binding_tenant')
  const tenants = machine.organizations.map(({ id }) => id)
  const { organization } = caller
  if (tenants.length === 0) return { organizations: caller.organizations, organization }
  const organizations = caller.organizations.filter(({ id }) => tenants.includes(id))
  if (organizations.length === 0) throw broken('binding_tenant')
  const only = organizations.length === 1 ? organizations[0] : undefined
  return { organizations, organization: organizations.find((it) => it === organization) ?? only }
}

/** The refusal of credentials that do not belong together. */
export function broken(reason: string, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('BIND', { reason, failure })
}
