import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError, isIdentityError, type RefusalDetail } from '../errors.ts'
import type { Gateway, Organization } from '../identity.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import type { RefusalReason } from '../reasons.ts'
import { assertIssuer, named, verifyBy } from './source.ts'

/** A gateway whose machine token was verified. */
export interface VerifiedGateway {
  readonly gateway: Gateway
  readonly token: VerifiedToken<unknown>
}

/**
 * Verifies the machine token with which a gateway calls, or a second one in another header.
 *
 * @throws IdentityError `MISSING`, `TOK`, `BIND`, `DOWN`
 */
export async function verifyGateway(
  gatewayIssuer: Issuer<unknown>,
  credentials: Credentials,
  context: Context,
  header = 'authorization',
): Promise<VerifiedGateway> {
  const credential = credentials.token(header)
  if (credential === undefined) {
    throw new IdentityError('MISSING', { reason: 'gateway_missing', failure: { header } })
  }
  const token = await verifyBy(gatewayIssuer, credential, context).catch(hideScopes)
  // A user's token where the gateway's belongs: the two are swapped.
  if (token.kind !== 'service') {
    throw broken('binding_roles_swapped', { header, ...named(gatewayIssuer) })
  }
  return { token, gateway: { issuer: token.issuer, client: token.client ?? token.subject } }
}

/** The user cannot consent to a scope that the gateway's own token lacks. */
function hideScopes(error: unknown): never {
  if (isIdentityError(error) && error.code === 'SCOPE') {
    throw new IdentityError('TOK', {
      reason: 'gateway_scope_missing',
      failure: error.failure,
      cause: error,
    })
  }
  throw error
}

/**
 * Requires that an issuer lists the clients that may vouch for users.
 *
 * @throws TypeError
 */
export function requireClients(issuer: Issuer<unknown>, option: string): readonly string[] {
  assertIssuer(issuer, option)
  if (issuer.clients !== undefined) return issuer.clients
  throw new TypeError(`${option} must list its clients: only they may vouch for users`)
}

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
export function broken(reason: RefusalReason, failure: RefusalDetail = {}): IdentityError {
  return new IdentityError('BIND', { reason, failure })
}
