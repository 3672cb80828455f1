import { IdentityError } from '../errors.ts'
import { buildIdentity, gatewayMayList, type Identity } from '../identity.ts'
import type { FoundResource, Resources } from './resources.ts'

/**
 * Of the audiences that an issuer states, those that count for a request: a resource of this server
 * counts at its own path alone, a template as what it is there, and any other audience everywhere.
 */
export function audiencesAt(
  audiences: readonly string[],
  { stated, resource }: FoundResource,
  resources: Resources,
): readonly string[] {
  return audiences.flatMap((audience) => {
    if (audience === stated) return [resource.id]
    const isOther = resources.stated.includes(audience) || isResource(audience, resources)
    return isOther && audience !== resource.id ? [] : [audience]
  })
}

/** Whether an audience is one of the resources that a template covers. */
function isResource(audience: string, { find }: Resources): boolean {
  return find?.(audience)?.resource.id === audience
}

// The identity of one verification: what is made of it later is of the same request.
const issuedFor = new WeakSet<object>()

/** Notes that the token which names the subject of an identity was issued for the requested resource. */
export function noteIssuedFor<I extends object>(identity: I, isIssuedFor: boolean | undefined): I {
  if (isIssuedFor) issuedFor.add(identity)
  return identity
}

/**
 * The identity at the resource that its request is for. At the path of an organization, a token that was
 * not issued for that very resource serves callers of this organization only.
 *
 * @throws IdentityError `TOK`
 */
export function atResource<C>(identity: Identity<C>, { resource }: FoundResource): Identity<C> {
  const { organization } = resource
  const belongs =
    organization === undefined ||
    issuedFor.has(identity) ||
    identity.organization?.id === organization ||
    identity.organizations.some(({ id }) => id === organization)
  if (!belongs) throw new IdentityError('TOK', { reason: 'resource_organization' })
  return buildIdentity({ ...identity, resource }, gatewayMayList(identity))
}
