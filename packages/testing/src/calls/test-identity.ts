import { createIdentity, type Identity, type IdentityParts } from '@onbehalf/core'

/** What a test says of a caller. Everything else is as usual: a user, with a token for an hour. */
export interface TestIdentityOptions
  extends Partial<Omit<IdentityParts, 'subject' | 'organization' | 'organizations'>> {
  /** Id of the organization that the caller acts in. */
  readonly organization?: string
  /** Ids of the organizations that the caller belongs to. Default: `organization` alone. */
  readonly organizations?: readonly string[]
  /** Roles, which the caller has in each organization as well. */
  readonly roles?: readonly string[]
}

const secondsOfAnHour = 3600

/**
 * An identity as verified tokens give it, without a token: to call a server in memory, or to hand to a
 * guard.
 *
 * @example
 * ```ts
 * import { testIdentity } from '@onbehalf/testing'
 *
 * const ada = testIdentity('ada', { organization: 'acme', roles: ['controller'] })
 * ```
 */
export function testIdentity(subject: string, options: TestIdentityOptions = {}): Identity {
  const { organization, roles = [], ...parts } = options
  const ids = parts.organizations ?? (organization === undefined ? [] : [organization])
  const organizations = ids.map((id) => ({ id, roles }))
  return createIdentity({
    kind: 'user',
    issuer: 'https://issuer.test',
    client: 'test-client',
    scopes: [],
    source: 'direct',
    expiresAt: Math.floor(Date.now() / 1000) + secondsOfAnHour,
    claims: {},
    ...parts,
    subject,
    organization: organization === undefined ? undefined : { id: organization, roles },
    organizations,
    roles,
  } as IdentityParts & { claims: Identity['claims'] })
}
