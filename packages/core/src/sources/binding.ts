import { IdentityError } from '../errors.ts'
import type { Organization } from '../identity.ts'

/** What two credentials have to agree on. */
interface InOrganizations {
  readonly organizations: readonly Organization[]
}

/** A gateway that belongs to organizations may only bring users of these. */
export function crossesTenants(user: InOrganizations, gateway: InOrganizations): boolean {
  const tenants = gateway.organizations.map(({ id }) => id)
  return tenants.length > 0 && !user.organizations.some(({ id }) => tenants.includes(id))
}

/** The refusal of credentials that do not belong together. */
export function broken(reason: string): IdentityError {
  return new IdentityError('BIND', { reason })
}
