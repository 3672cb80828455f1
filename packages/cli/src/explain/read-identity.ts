import {
  createIdentity,
  type Identity,
  type IdentityParts,
  type Organization,
} from '@onbehalf/core'
import { UsageError } from '../output.ts'

const members = [
  'kind',
  'issuer',
  'subject',
  'organization',
  'organizations',
  'actor',
  'client',
  'gateway',
  'scopes',
  'roles',
  'source',
  'resource',
] as const

/** An identity as a user writes it down: an organization may go without roles. */
type Given = Partial<Omit<IdentityParts, 'organization'>> & {
  readonly organization?: Partial<Organization> & Pick<Organization, 'id'>
}

/**
 * The identity that a JSON text describes, with the names of `Identity`. What is left out is that of
 * a user without rights, whose token is good for an hour.
 *
 * @throws UsageError for a member that identities do not have
 */
export function readIdentity(text: string): Identity {
  const { organization: named, ...given } = JSON.parse(text) as Given
  const unknown = Object.keys(given).find((name) => !members.some((member) => member === name))
  if (unknown !== undefined) throw new UsageError(`an identity has no ${unknown}`)
  const organization = named && { roles: [], ...named }
  const parts = {
    kind: 'user' as const,
    issuer: 'https://issuer.example',
    subject: 'someone',
    scopes: [],
    roles: [],
    source: 'direct' as const,
    organizations: organization === undefined ? [] : [organization],
    ...given,
    ...(organization && { organization }),
  }
  return createIdentity({ ...parts, expiresAt: Date.now() / 1000 + 3600, claims: {} })
}
