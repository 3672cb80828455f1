import { createIdentity, type Identity, type IdentityParts } from '@onbehalf/core'
import { now } from './world.ts'

/** A person of no organization, with these parts. */
export function identityOf(parts: Partial<IdentityParts> = {}): Identity {
  return createIdentity({
    kind: 'user',
    issuer: 'https://people.example.com',
    subject: 'jane',
    organizations: [],
    scopes: [],
    roles: [],
    source: 'direct',
    expiresAt: now + 300,
    ...parts,
    claims: {},
  })
}

/** A person who acts in one organization. */
export function memberOf(id: string, roles: readonly string[] = []): Identity {
  const organization = { id, roles }
  return identityOf({ organization, organizations: [organization] })
}

/** A person of several organizations, of which none is the current one. */
export function memberOfMany(...organizations: Identity['organizations']): Identity {
  return identityOf({ organizations })
}
