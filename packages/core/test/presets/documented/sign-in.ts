import type { Claims } from '@onbehalf/core'
import {
  clerk,
  descope,
  firebase,
  google,
  stytch,
  supabase,
  workos,
  workosSession,
} from '@onbehalf/core/issuers'
import { resource } from '../../support/world.ts'
import { type Row, times } from './row.ts'

const forAll = { audience: null, acceptTokensForOtherServers: true } as const
const idMarks = { nonce: 'n-1', at_hash: 'x5t' }
const workosUser = {
  ...times,
  iss: 'https://acme.authkit.app',
  aud: resource,
  sub: 'user_01A',
  client_id: 'client_01MCP',
  org_id: 'org_01',
  sid: 'consent_01',
  scope: 'openid notes',
  jti: 't1',
}
const workosSessionUser = {
  ...times,
  iss: 'https://api.workos.com/user_management/client_01ENV',
  sub: 'user_01A',
  sid: 'session_01',
  org_id: 'org_01',
  role: 'admin',
  permissions: ['notes:read'],
}
const clerkUser = {
  ...times,
  iss: 'https://clerk.example.com',
  sub: 'user_2a',
  sid: 'sess_1',
  azp: 'https://app.example.com',
  fva: [7, -1],
  v: 2,
  sts: 'active',
  o: { id: 'org_1', slg: 'acme', rol: 'admin', per: 'read', fpm: '3' },
}
const googleUser = {
  ...times,
  iss: 'https://accounts.google.com',
  aud: '123-mcp.apps.googleusercontent.com',
  azp: '123-mcp.apps.googleusercontent.com',
  sub: '10769150350006150715',
  hd: 'acme.example',
  email: 'ada@acme.example',
  email_verified: true,
  ...idMarks,
}
const firebaseUser = {
  ...times,
  iss: 'https://securetoken.google.com/acme-app',
  aud: 'acme-app',
  auth_time: times.iat,
  sub: 'uid1',
  user_id: 'uid1',
  firebase: { identities: {}, sign_in_provider: 'google.com', tenant: 'acme-t1' },
}
const supabaseUser = {
  ...times,
  iss: 'https://abcdefgh.supabase.co/auth/v1',
  aud: 'authenticated',
  sub: '123e4567-e89b-12d3-a456-426614174000',
  role: 'authenticated',
  client_id: '9a8b7c6d-5e4f-3a2b-1c0d-9e8f7a6b5c4d',
  session_id: 's1',
  aal: 'aal1',
  amr: [{ method: 'password', timestamp: times.iat }],
}
const stytchUser = {
  ...times,
  iss: 'stytch.com/project-live-1c2d',
  aud: ['project-live-1c2d'],
  sub: 'user-live-1',
  client_id: 'connected-app-live-1',
  scope: 'openid email',
}
/** A mark that an operator added, where a product has none. */
const marked = ({ machine }: Claims): unknown => (machine === true ? 'service' : 'user')
const yourMark = ['set `kind`', 'set `kind`'] as const
const descopeUser = {
  ...times,
  iss: 'P2abc',
  sub: 'U2abc',
  drn: 'DS',
  amr: ['email'],
  rexp: '2027-01-10T00:57:21Z',
  dct: 't1',
  tenants: { t1: { roles: ['admin'], permissions: [] }, t2: { roles: [] } },
}

export const signInRows: readonly Row[] = [
  {
    preset: 'clerk',
    page: 'https://clerk.com/docs/guides/sessions/session-tokens',
    make: (given) => clerk({ domain: 'clerk.example.com', ...forAll, ...given }),
    keys: 'https://clerk.example.com/.well-known/jwks.json',
    user: [
      clerkUser,
      {
        subject: 'user_2a',
        organization: { id: 'org_1', name: 'acme', roles: ['admin'] },
      },
    ],
    service: [
      { ...times, iss: 'https://clerk.example.com', sub: 'mch_1', aud: ['mch_2'], scopes: 'mch_2' },
      { subject: 'mch_1', organizations: [] },
    ],
    others: [
      [
        'version 1',
        {
          ...clerkUser,
          v: undefined,
          sts: undefined,
          o: undefined,
          org_id: 'org_1',
          org_slug: 'acme',
          org_role: 'org:admin',
        },
        { organization: { id: 'org_1', name: 'acme', roles: ['org:admin'] } },
      ],
    ],
    idToken: ['token_type', { ...clerkUser, ...idMarks }],
    otherTenant: { ...clerkUser, iss: 'https://clerk.other.example' },
    refused: [
      ['required_claim', { ...clerkUser, sts: 'pending' }],
      ['kind_unknown', { ...clerkUser, sub: 'ada' }],
    ],
    says: ['`o`, else `org_id`', '`sub` begins with `user_`', '`sub` begins with `mch_`'],
  },
  {
    preset: 'workos',
    page: 'https://workos.com/docs/authkit/connect/token-claims',
    make: (given) =>
      workos({ domain: 'acme.authkit.app', audience: [resource, 'client_01ENV'], ...given }),
    keys: 'https://acme.authkit.app/oauth2/jwks',
    user: [
      workosUser,
      { subject: 'user_01A', client: 'client_01MCP', organization: { id: 'org_01' } },
    ],
    service: [
      { ...workosUser, sub: 'client_01M2M', client_id: 'client_01M2M', aud: 'client_01ENV' },
      { subject: 'client_01M2M', organization: { id: 'org_01' } },
    ],
    idToken: ['token_type', { ...workosUser, ...idMarks }],
    otherTenant: { ...workosUser, iss: 'https://other.authkit.app' },
    refused: [['kind_unknown', { ...workosUser, client_id: undefined }]],
    says: ['`org_id`', 'has a `sub` that is not its client', '`sub` is its `client_id`'],
  },
  {
    preset: 'workosSession',
    page: 'https://workos.com/docs/reference/authkit/session-tokens',
    make: (given) => workosSession({ clientId: 'client_01ENV', ...forAll, ...given }),
    keys: 'https://api.workos.com/sso/jwks/client_01ENV',
    user: [
      workosSessionUser,
      {
        subject: 'user_01A',
        scopes: ['notes:read'],
        organization: { id: 'org_01', roles: ['admin'] },
      },
    ],
    others: [
      [
        'the older issuer',
        { ...workosSessionUser, iss: 'https://api.workos.com' },
        { subject: 'user_01A' },
      ],
      [
        'an impersonator',
        { ...workosSessionUser, act: { sub: 'support@workos.example' } },
        { actor: { subject: 'support@workos.example' } },
      ],
    ],
    idToken: ['token_type', { ...workosSessionUser, ...idMarks }],
    otherTenant: { ...workosSessionUser, iss: 'https://api.workos.com/user_management/client_02' },
    refused: [['kind_unknown', { ...workosSessionUser, sub: 'client_01M2M' }]],
    says: ['`org_id`', '`sub` begins with `user_`', 'none: refused'],
  },
  {
    preset: 'google',
    page: 'https://developers.google.com/identity/openid-connect/openid-connect',
    make: (given) =>
      google({ audience: ['123-mcp.apps.googleusercontent.com', resource], ...given }),
    keys: 'https://www.googleapis.com/oauth2/v3/certs',
    user: [googleUser, { subject: '10769150350006150715', organization: { id: 'acme.example' } }],
    service: [
      {
        ...times,
        iss: 'https://accounts.google.com',
        aud: resource,
        azp: '117',
        sub: '117',
        email: 'agent@acme.iam.gserviceaccount.com',
        email_verified: true,
      },
      { subject: '117' },
    ],
    others: [
      [
        'the issuer without a scheme',
        { ...googleUser, iss: 'accounts.google.com' },
        { subject: googleUser.sub },
      ],
    ],
    idToken: ['audience', { ...googleUser, aud: '123-other.apps.googleusercontent.com' }],
    otherTenant: { ...googleUser, iss: 'https://cloud.google.com/iap' },
    refused: [['kind_unknown', { ...googleUser, aud: resource, azp: '117' }]],
    says: [
      '`hd`',
      '`azp` is an application of Google',
      'the address of a service account, or `sub` is `azp`',
    ],
  },
  {
    preset: 'firebase',
    page: 'https://firebase.google.com/docs/auth/admin/verify-id-tokens',
    make: (given) => firebase({ projectId: 'acme-app', ...given }),
    keys: 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
    user: [firebaseUser, { subject: 'uid1', organization: { id: 'acme-t1' } }],
    idToken: ['audience', { ...firebaseUser, aud: 'other-app' }],
    otherTenant: { ...firebaseUser, iss: 'https://securetoken.google.com/other-app' },
    refused: [
      ['kind_unknown', { ...firebaseUser, firebase: { sign_in_provider: 'anonymous' } }],
      ['kind_unknown', { ...firebaseUser, firebase: { sign_in_provider: 'custom' } }],
      ['issuer_unknown', { ...firebaseUser, iss: 'https://session.firebase.google.com/acme-app' }],
    ],
    says: [
      '`firebase.tenant`',
      'signed in, not with a custom token and not as nobody',
      'none: refused',
    ],
  },
  {
    preset: 'supabase',
    page: 'https://supabase.com/docs/guides/auth/oauth-server/token-security',
    algorithm: 'ES256',
    make: (given) =>
      supabase({ domain: 'abcdefgh.supabase.co', audience: 'authenticated', ...given }),
    keys: 'https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json',
    user: [supabaseUser, { subject: supabaseUser.sub, client: supabaseUser.client_id, roles: [] }],
    service: [{ ...supabaseUser, role: 'service_role' }, { subject: supabaseUser.sub }],
    idToken: ['token_type', { ...supabaseUser, client_id: undefined }],
    otherTenant: { ...supabaseUser, iss: 'https://other.supabase.co/auth/v1' },
    refused: [
      ['kind_unknown', { ...supabaseUser, is_anonymous: true }],
      ['kind_unknown', { ...supabaseUser, role: 'anon' }],
    ],
    says: [
      'none: name yours',
      'another `role`, and not `is_anonymous`',
      '`role` is `service_role`',
    ],
  },
  {
    preset: 'descope',
    page: 'https://docs.descope.com/session-overview',
    make: (given) =>
      descope({
        projectId: 'P2abc',
        audience: null,
        acceptTokensForOtherServers: true,
        kind: marked,
        ...given,
      }),
    keys: 'https://api.descope.com/P2abc/.well-known/jwks.json',
    user: [descopeUser, { subject: 'U2abc', organization: { id: 't1', roles: ['admin'] } }],
    service: [
      { ...descopeUser, sub: 'K2abc', amr: undefined, machine: true },
      { subject: 'K2abc' },
    ],
    others: [
      [
        'the issuer as a URL, without a current tenant',
        { ...descopeUser, iss: 'https://api.descope.com/P2abc', dct: undefined },
        { organizations: [{ id: 't1' }, { id: 't2' }] },
      ],
    ],
    idToken: ['required_claim', { ...descopeUser, drn: undefined, ...idMarks }],
    otherTenant: { ...descopeUser, iss: 'P3xyz' },
    refused: [['required_claim', { ...descopeUser, drn: 'DSR' }]],
    says: ['`dct`, else `tenants`', ...yourMark],
  },
  {
    preset: 'stytch',
    page: 'https://stytch.com/docs/b2b/api/connected-app-access-token',
    make: (given) =>
      stytch({
        projectId: 'project-live-1c2d',
        domain: 'login.acme.example',
        audience: 'project-live-1c2d',
        ...given,
      }),
    keys: 'https://api.stytch.com/v1/public/project-live-1c2d/.well-known/jwks.json',
    user: [stytchUser, { subject: 'user-live-1', client: 'connected-app-live-1' }],
    service: [
      { ...stytchUser, sub: 'm2m-client-live-1', client_id: undefined, scope: 'read:users' },
      { subject: 'm2m-client-live-1', scopes: ['read:users'] },
    ],
    others: [
      [
        'the issuer of a custom domain',
        { ...stytchUser, iss: 'https://login.acme.example' },
        { subject: 'user-live-1' },
      ],
      [
        'a member of an organization',
        {
          ...stytchUser,
          sub: 'member-live-1',
          'https://stytch.com/organization': { organization_id: 'organization-1', slug: 'acme' },
          'https://stytch.com/session': { roles: ['admin'] },
        },
        { organization: { id: 'organization-1', roles: ['admin'] } },
      ],
    ],
    idToken: ['token_type', { ...stytchUser, ...idMarks }],
    otherTenant: { ...stytchUser, iss: 'stytch.com/project-live-2' },
    refused: [['kind_unknown', { ...stytchUser, sub: 'ada' }]],
    says: [
      '`https://stytch.com/organization`',
      '`sub` begins with `user-` or `member-`',
      '`sub` begins with `m2m-client-`',
    ],
  },
]
