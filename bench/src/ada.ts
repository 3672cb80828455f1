import { createIdentity } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'

const acme = { id: 'acme', roles: [] }
const identity = createIdentity({
  kind: 'user',
  issuer: 'https://idp.example.com',
  subject: 'ada',
  organization: acme,
  organizations: [acme],
  scopes: [],
  roles: [],
  source: 'direct',
  expiresAt: Date.now() / 1000 + 3600,
  claims: {},
})
/** The record of a caller of Acme, as middleware leaves it. */
export const adasInfo = createAuthInfo(identity, {
  resource: 'https://mcp.example.com/mcp',
  resourceMetadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
})
