import type { Claims } from '@onbehalf/core'
import {
  authentik,
  azureB2c,
  litellm,
  logto,
  pingOne,
  scalekit,
  xsuaa,
  zitadel,
} from '@onbehalf/core/issuers'
import { resource } from '../../support/world.ts'
import { type Row, times } from './row.ts'

const idMarks = { nonce: 'n-1', at_hash: 'x5t' }
const logtoUser = {
  ...times,
  iss: 'https://acme.logto.app/oidc',
  aud: resource,
  sub: 'u1',
  client_id: 'app1',
  scope: 'read',
  organization_id: 'org1',
}
const scalekitUser = {
  ...times,
  iss: 'https://acme.scalekit.com',
  aud: [resource],
  client_id: 'skc_1',
  sub: 'usr_1',
  oid: 'org_1',
  sid: 'ses_1',
  roles: ['member'],
  permissions: ['tasks:read'],
}
const environmentId = '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'
const pingUser = {
  ...times,
  iss: `https://auth.pingone.eu/${environmentId}/as`,
  aud: [resource],
  sub: 'u1',
  client_id: 'app1',
  scope: 'notes',
  auth_time: times.iat,
  acr: 'Single_Factor',
  sid: 's1',
}
const litellmUser = {
  ...times,
  iss: 'https://litellm.example.com',
  aud: 'notes',
  sub: 'ada',
  act: { sub: 'team-1' },
  scope: 'mcp:tools/call mcp:tools/list',
}
const {
  sub: _pingSubject,
  auth_time: _signIn,
  acr: _policy,
  sid: _session,
  ...pingService
} = pingUser
/** A mark that an operator added, where a product has none. */
const marked = ({ machine }: Claims): unknown => (machine === true ? 'service' : 'user')
const yourMark = ['set `kind`', 'set `kind`'] as const
const zitadelUser = {
  ...times,
  iss: 'https://acme.zitadel.cloud',
  aud: ['project1', 'app1'],
  azp: 'app1',
  sub: '165461784643',
  jti: 't1',
  'urn:zitadel:iam:user:resourceowner:id': 'org1',
  'urn:zitadel:iam:user:resourceowner:name': 'ACME',
  'urn:zitadel:iam:org:project:roles': { controller: { org1: 'acme.example' } },
}
const authentikUser = {
  ...times,
  iss: 'https://id.example.com/application/o/mcp/',
  aud: 'client1',
  azp: 'client1',
  uid: 'r4nd0m',
  sub: 'hash1',
  auth_time: times.iat,
  acr: 'goauthentik.io/providers/oauth2/default',
  amr: ['pwd'],
  nonce: 'n-1',
  groups: ['admins'],
}
const tenantId = '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'
const b2cUser = {
  ...times,
  iss: `https://contoso.b2clogin.com/${tenantId}/v2.0/`,
  aud: 'api1',
  azp: 'app1',
  sub: 'u1',
  tfp: 'B2C_1_sign_in',
  scp: 'read',
  nonce: 'n-1',
  ver: '1.0',
}
const xsuaaUser = {
  ...times,
  iss: 'https://acme.authentication.eu10.hana.ondemand.com/oauth/token',
  aud: ['mcp!t1', 'openid'],
  sub: 'u1',
  user_id: 'u1',
  client_id: 'sb-mcp!t1',
  cid: 'sb-mcp!t1',
  azp: 'sb-mcp!t1',
  grant_type: 'authorization_code',
  zid: 'zone1',
  scope: ['mcp!t1.Read', 'openid'],
  ext_attr: { enhancer: 'XSUAA', zdn: 'acme' },
}

export const platformRows: readonly Row[] = [
  {
    preset: 'authentik',
    page: 'https://docs.goauthentik.io/add-secure-apps/providers/oauth2/',
    make: (given) =>
      authentik({
        domain: 'id.example.com',
        application: 'mcp',
        audience: 'client1',
        kind: marked,
        ...given,
      }),
    keys: 'https://id.example.com/application/o/mcp/jwks/',
    user: [authentikUser, { subject: 'hash1', client: 'client1', roles: ['admins'] }],
    service: [{ ...authentikUser, machine: true }, { subject: 'hash1' }],
    idToken: ['token_type', { ...authentikUser, azp: undefined, uid: undefined }],
    otherTenant: { ...authentikUser, iss: 'https://id.example.com/application/o/other/' },
    says: ['none: name yours', ...yourMark],
  },
  {
    preset: 'azureB2c',
    page: 'https://learn.microsoft.com/azure/active-directory-b2c/tokens-overview',
    make: (given) =>
      azureB2c({
        tenant: 'contoso',
        tenantId,
        policy: 'B2C_1_sign_in',
        audience: 'api1',
        ...given,
      }),
    keys: 'https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_sign_in/discovery/v2.0/keys',
    user: [b2cUser, { subject: 'u1', client: 'app1', scopes: ['read'] }],
    idToken: ['audience', { ...b2cUser, aud: 'app1', azp: undefined, scp: undefined }],
    otherTenant: { ...b2cUser, iss: `https://other.b2clogin.com/${tenantId}/v2.0/` },
    refused: [
      ['kind_unknown', { ...b2cUser, scp: undefined }],
      ['required_claim', { ...b2cUser, tfp: 'B2C_1_reset' }],
      ['token_type', { ...b2cUser, at_hash: 'x5t' }],
    ],
    says: ['none: name yours', 'has `scp`', 'none: refused'],
  },
  {
    preset: 'logto',
    page: 'https://docs.logto.io/authorization/validate-access-tokens',
    algorithm: 'ES384',
    make: (given) =>
      logto({
        domain: 'acme.logto.app',
        audience: [resource, 'urn:logto:organization:org1'],
        ...given,
      }),
    keys: 'https://acme.logto.app/oidc/jwks',
    user: [logtoUser, { subject: 'u1', scopes: ['read'], organization: { id: 'org1' } }],
    service: [{ ...logtoUser, sub: 'm2m1', client_id: 'm2m1' }, { subject: 'm2m1' }],
    others: [
      [
        'a token of an organization',
        { ...logtoUser, aud: 'urn:logto:organization:org1', organization_id: undefined },
        { organization: { id: 'org1' } },
      ],
    ],
    idToken: ['token_type', { ...logtoUser, ...idMarks }],
    otherTenant: { ...logtoUser, iss: 'https://other.logto.app/oidc' },
    says: [
      '`organization_id`, else `aud`',
      'has a `sub` that is not its client',
      '`sub` is its `client_id`',
    ],
  },
  {
    preset: 'pingOne',
    page: 'https://developer.pingidentity.com/pingone-api/foundations/authentication-concepts/access-tokens-and-id-tokens/token-claims.html',
    make: (given) =>
      pingOne({ environmentId, domain: 'auth.pingone.eu', audience: resource, ...given }),
    keys: `https://auth.pingone.eu/${environmentId}/as/jwks`,
    user: [pingUser, { subject: 'u1', client: 'app1', scopes: ['notes'], organizations: [] }],
    service: [pingService, { subject: 'app1' }],
    idToken: ['token_type', { ...pingUser, ...idMarks }],
    otherTenant: { ...pingUser, iss: `https://auth.pingone.com/${environmentId}/as` },
    refused: [['kind_unknown', { ...pingUser, client_id: undefined }]],
    says: ['none: name yours', 'has a `sub`', 'has no `sub`'],
  },
  {
    preset: 'scalekit',
    page: 'https://docs.scalekit.com/guides/accesstoken-claims',
    make: (given) => scalekit({ domain: 'acme.scalekit.com', audience: resource, ...given }),
    keys: 'https://acme.scalekit.com/keys',
    user: [
      scalekitUser,
      { subject: 'usr_1', client: 'skc_1', organization: { id: 'org_1', roles: ['member'] } },
    ],
    service: [{ ...scalekitUser, sub: 'skc_1' }, { subject: 'skc_1' }],
    idToken: ['token_type', { ...scalekitUser, ...idMarks }],
    otherTenant: { ...scalekitUser, iss: 'https://other.scalekit.com' },
    refused: [['kind_unknown', { ...scalekitUser, sub: 'm2morg_1' }]],
    says: ['`oid`', '`sub` begins with `usr_`', '`sub` is its `client_id`'],
  },
  {
    preset: 'xsuaa',
    page: 'https://github.com/SAP/cloud-security-services-integration-library',
    make: (given) =>
      xsuaa({
        domain: 'acme.authentication.eu10.hana.ondemand.com',
        audience: 'mcp!t1',
        ...given,
      }),
    keys: 'https://acme.authentication.eu10.hana.ondemand.com/token_keys',
    user: [
      xsuaaUser,
      {
        subject: 'u1',
        client: 'sb-mcp!t1',
        scopes: ['mcp!t1.Read', 'openid'],
        organization: { id: 'zone1' },
      },
    ],
    service: [
      { ...xsuaaUser, sub: 'sb-mcp!t1', user_id: undefined, grant_type: 'client_credentials' },
      { subject: 'sb-mcp!t1' },
    ],
    idToken: ['token_type', { ...xsuaaUser, ...idMarks }],
    otherTenant: {
      ...xsuaaUser,
      iss: 'https://other.authentication.eu10.hana.ondemand.com/oauth/token',
    },
    refused: [['kind_unknown', { ...xsuaaUser, user_id: undefined }]],
    says: ['`zid`', 'has a `user_id`', '`grant_type` is `client_credentials`, or `sub` is `cid`'],
  },
  {
    preset: 'zitadel',
    page: 'https://zitadel.com/docs/apis/openidoauth/claims',
    make: (given) =>
      zitadel({ domain: 'acme.zitadel.cloud', audience: 'project1', kind: marked, ...given }),
    keys: 'https://acme.zitadel.cloud/oauth/v2/keys',
    user: [
      zitadelUser,
      {
        subject: '165461784643',
        client: 'app1',
        organization: { id: 'org1', name: 'ACME', roles: ['controller'] },
      },
    ],
    service: [{ ...zitadelUser, machine: true }, { subject: '165461784643' }],
    idToken: ['token_type', { ...zitadelUser, ...idMarks }],
    otherTenant: { ...zitadelUser, iss: 'https://other.zitadel.cloud' },
    says: ['`urn:zitadel:iam:user:resourceowner:id`', ...yourMark],
  },
  {
    preset: 'litellm',
    page: 'https://docs.litellm.ai/docs/mcp_zero_trust',
    make: (given) => litellm({ domain: 'litellm.example.com', audience: 'notes', ...given }),
    keys: 'https://litellm.example.com/.well-known/jwks.json',
    user: [litellmUser, { subject: 'ada', actor: { subject: 'team-1' } }],
    service: [
      { ...litellmUser, sub: 'apikey:1f2e3d4c5b6a7980' },
      { subject: 'apikey:1f2e3d4c5b6a7980' },
    ],
    others: [['the proxy itself', { ...litellmUser, sub: 'litellm-proxy' }, { kind: 'service' }]],
    idToken: ['token_type', { ...litellmUser, ...idMarks }],
    otherTenant: { ...litellmUser, iss: 'https://litellm.other.example' },
    says: ['none: name yours', 'any other `sub`', '`sub` is `apikey:...` or `litellm-proxy`'],
  },
]
