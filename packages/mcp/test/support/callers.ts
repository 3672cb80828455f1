import {
  createIdentity,
  type Identity,
  type IdentityParts,
  type Organization,
} from '@onbehalf/core'
import { type AuthInfo, createAuthInfo } from '@onbehalf/core/auth-info'

export const resource = 'https://mcp.example.com/mcp'
export const resourceMetadataUrl =
  'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'

export function makeIdentity({ claims: _claims, ...parts }: Partial<IdentityParts> = {}): Identity {
  return createIdentity({
    kind: 'user',
    issuer: 'https://issuer.example',
    subject: 'ada',
    organizations: parts.organization === undefined ? [] : [parts.organization],
    scopes: [],
    roles: [],
    source: 'direct',
    expiresAt: Date.now() / 1000 + 300,
    claims: {},
    ...parts,
  })
}

export function makeAuthInfo(identity: Identity): AuthInfo {
  return createAuthInfo(identity, { resource, resourceMetadataUrl })
}

function member(subject: string, organization: Organization, more: Partial<IdentityParts> = {}) {
  return makeIdentity({ subject, organization, ...more })
}

const acme: Organization = { id: 'acme', roles: ['member'] }
const acmeAdmin: Organization = { id: 'acme', roles: ['member', 'controller'] }
const globex: Organization = { id: 'globex', roles: ['controller'] }

/** The people and machines of the tests, by the name that their request carries. */
export const callers = new Map<string, Identity>(
  Object.entries({
    ada: member('ada', acmeAdmin, { scopes: ['notes:write'], roles: ['operator'] }),
    bob: member('bob', acme, { scopes: ['notes:read'] }),
    eve: member('eve', globex, { roles: ['operator'] }),
    // Lists two organizations and has named none.
    duo: makeIdentity({ subject: 'duo', organizations: [acme, globex] }),
    nobody: makeIdentity({ subject: 'nobody' }),
    robot: makeIdentity({ subject: 'robot', kind: 'service', client: 'robot' }),
    acmeRobot: member('acme-robot', acme, { kind: 'service' }),
    late: member('late', acmeAdmin, { expiresAt: Date.now() / 1000 - 3600 }),
  }),
)

/**
 * Stands for the HTTP layer: the name in a header becomes the record that middleware leaves in
 * `req.auth`. `copy-of-` leaves a copy of it.
 */
export function authInfoOf(name: string | undefined): AuthInfo | undefined {
  if (name === undefined) return undefined
  const [, copied] = /^copy-of-(.+)$/.exec(name) ?? []
  const identity = callers.get(copied ?? name)
  if (identity === undefined) throw new Error(`unknown caller ${name}`)
  const info = makeAuthInfo(identity)
  return copied === undefined ? info : { ...info }
}
