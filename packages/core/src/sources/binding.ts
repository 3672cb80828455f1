import { IdentityError } from '../errors.ts'
import type { Organization } from '../identity.ts'

/** What two credentials have to agree in. */
interface InOrganizations {
  readonly organizations: readonly Organization[]
}

/** A gateway of certain organizations brings persons of these only. */
export function crossesTenants(person: InOrganizations, machine: InOrganizations): boolean {
  const tenants = machine.organizations.map(({ id }) => id)
  return tenants.length > 0 && !person.organizations.some(({ id }) => tenants.includes(id))
}

/** The refusal of credentials that do not belong together. */
export function broken(reason: string): IdentityError {
  return new IdentityError('BIND', { reason })
}
