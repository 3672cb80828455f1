import type { Claims } from '@onbehalf/core'
import { cloudflareAccess, googleIap, pomerium, portkey } from '@onbehalf/core/proxies'
import { type Row, times } from './row.ts'

const idMarks = { nonce: 'n-1', at_hash: 'x5t' }
/** A mark that an operator added, where a product has none. */
const marked = ({ machine }: Claims): unknown => (machine === true ? 'service' : 'user')
const yourMark = ['set `kind`', 'set `kind`'] as const
const iapUser = {
  ...times,
  iss: 'https://cloud.google.com/iap',
  aud: '/projects/123/global/backendServices/987',
  sub: 'accounts.google.com:1079',
  email: 'ada@acme.example',
  hd: 'acme.example',
}
const accessUser = {
  ...times,
  iss: 'https://acme.cloudflareaccess.com',
  aud: ['32eafc76'],
  type: 'app',
  identity_nonce: '6ei69kaw',
  sub: '7335d417-61da-459d-899c-0a01c76a2f94',
  email: 'ada@acme.example',
  country: 'US',
}
const pomeriumUser = {
  ...times,
  iss: 'mcp.example.com',
  aud: 'mcp.example.com',
  sub: 'u1',
  email: 'ada@acme.example',
  groups: ['admins'],
}
const portkeyUser = {
  ...times,
  iss: 'portkey-mcp-gateway',
  sub: 'u1',
  workspace_id: 'ws1',
  organisation_id: 'org1',
  scope: 'mcp',
  client_id: 'client1',
}

export const proxyRows: readonly Row[] = [
  {
    preset: 'cloudflareAccess',
    page: 'https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token',
    header: 'cf-access-jwt-assertion',
    make: (given) =>
      cloudflareAccess({ domain: 'acme.cloudflareaccess.com', audience: '32eafc76', ...given }),
    keys: 'https://acme.cloudflareaccess.com/cdn-cgi/access/certs',
    user: [accessUser, { subject: '7335d417-61da-459d-899c-0a01c76a2f94' }],
    service: [
      { ...accessUser, sub: '', email: undefined, common_name: 'e367826f.access' },
      { subject: 'e367826f.access' },
    ],
    idToken: ['required_claim', { ...accessUser, type: 'org' }],
    otherTenant: { ...accessUser, aud: ['other-application'] },
    otherTenantReason: 'audience',
    refused: [['subject', { ...accessUser, sub: '' }]],
    says: ['none: name yours', 'has a `sub`', 'an empty `sub`, and `common_name`'],
  },
  {
    preset: 'googleIap',
    page: 'https://cloud.google.com/iap/docs/signed-headers-howto',
    algorithm: 'ES256',
    header: 'x-goog-iap-jwt-assertion',
    make: (given) => googleIap({ audience: iapUser.aud, ...given }),
    keys: 'https://www.gstatic.com/iap/verify/public_key-jwk',
    user: [iapUser, { subject: 'accounts.google.com:1079', organization: { id: 'acme.example' } }],
    service: [
      {
        ...iapUser,
        hd: undefined,
        email: 'agent@acme.iam.gserviceaccount.com',
        email_verified: true,
      },
      { organizations: [] },
    ],
    idToken: ['token_type', { ...iapUser, ...idMarks }],
    otherTenant: { ...iapUser, aud: '/projects/456/apps/other' },
    otherTenantReason: 'audience',
    says: ['`hd`', 'any other address', 'the address of a service account'],
  },
  {
    preset: 'pomerium',
    page: 'https://www.pomerium.com/docs/capabilities/getting-users-identity',
    algorithm: 'ES256',
    header: 'x-pomerium-jwt-assertion',
    make: (given) =>
      pomerium({ domain: 'mcp.example.com', audience: 'mcp.example.com', kind: marked, ...given }),
    keys: 'https://mcp.example.com/.well-known/pomerium/jwks.json',
    user: [pomeriumUser, { subject: 'u1', roles: ['admins'] }],
    service: [{ ...pomeriumUser, machine: true }, { subject: 'u1' }],
    others: [
      [
        'the issuer as a URL',
        { ...pomeriumUser, iss: 'https://mcp.example.com' },
        { subject: 'u1' },
      ],
    ],
    idToken: ['token_type', { ...pomeriumUser, ...idMarks }],
    otherTenant: { ...pomeriumUser, aud: 'other.example.com' },
    otherTenantReason: 'audience',
    says: ['none: name yours', ...yourMark],
  },
  {
    preset: 'portkey',
    page: 'https://portkey.ai/docs/product/mcp-gateway/authentication/identity-forwarding',
    header: 'x-user-jwt',
    make: (given) =>
      portkey({
        workspaceId: 'ws1',
        audience: null,
        acceptTokensForOtherServers: true,
        kind: marked,
        ...given,
      }),
    keys: 'https://mcp.portkey.ai/.well-known/jwks.json',
    user: [portkeyUser, { subject: 'u1', client: 'client1', organization: { id: 'org1' } }],
    service: [{ ...portkeyUser, machine: true }, { subject: 'u1' }],
    idToken: ['token_type', { ...portkeyUser, ...idMarks }],
    otherTenant: { ...portkeyUser, workspace_id: 'ws2' },
    otherTenantReason: 'required_claim',
    says: ['`organisation_id`', ...yourMark],
  },
]
