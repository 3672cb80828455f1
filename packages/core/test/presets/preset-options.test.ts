import { createAuthenticator, direct, type Identity, type Issuer } from '@onbehalf/core'
import { auth0, cognito, entra, keycloak, okta } from '@onbehalf/core/issuers'
import { describe, expect, test } from 'vitest'
import { createSigner } from '../support/signer.ts'
import { clock, now, resource } from '../support/world.ts'

function authenticate(issuer: Issuer, token: string): Promise<Identity> {
  const authenticator = createAuthenticator({ resource, clock, sources: [direct({ issuer })] })
  return authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } })
}

describe('options of a preset', () => {
  test('take another algorithm, for a realm that signs with it', async () => {
    const signer = await createSigner('k1', 'ES256')
    const token = await signer.sign({
      iss: 'https://id.example.com/realms/staff',
      sub: 'ada',
      azp: 'app',
      aud: resource,
      typ: 'Bearer',
      preferred_username: 'ada',
      iat: now,
      exp: now + 300,
    })
    const realm = {
      url: 'https://id.example.com',
      realm: 'staff',
      audience: resource,
      keys: { jwks: signer.jwks },
    }
    const identity = await authenticate(keycloak({ ...realm, algorithms: ['ES256'] }), token)
    expect(identity.subject).toBe('ada')
    await expect(authenticate(keycloak(realm), token)).rejects.toMatchObject({
      reason: 'algorithm',
    })
  })

  test('ask for RFC 9068 tokens, for a tenant that issues them', async () => {
    const signer = await createSigner('k1', 'RS256')
    const claims = {
      iss: 'https://acme.auth0.com/',
      sub: 'ada',
      aud: resource,
      iat: now,
      exp: now + 300,
    }
    const token = await signer.sign(claims, { typ: 'JWT' })
    const tenant = { domain: 'acme.auth0.com', audience: resource, keys: { jwks: signer.jwks } }
    expect((await authenticate(auth0(tenant), token)).subject).toBe('ada')
    await expect(
      authenticate(auth0({ ...tenant, tokenType: 'at+jwt' }), token),
    ).rejects.toMatchObject({ reason: 'token_type' })
  })

  test('cannot take a rule of the preset away', async () => {
    const signer = await createSigner('k1', 'RS256')
    const pool = cognito({
      region: 'eu-west-1',
      userPoolId: 'eu-west-1_Ab12',
      audience: null,
      clients: ['app'],
      keys: { jwks: signer.jwks },
      requiredClaims: { token_use: 'refresh', tenant: 'acme' },
    })
    const claims = {
      iss: 'https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12',
      sub: 'app',
      client_id: 'app',
      tenant: 'acme',
      iat: now,
      exp: now + 300,
    }
    const sign = (more: object): Promise<string> => signer.sign({ ...claims, ...more })
    await expect(authenticate(pool, await sign({ token_use: 'refresh' }))).rejects.toMatchObject({
      reason: 'token_type',
    })
    await expect(authenticate(pool, await sign({}))).rejects.toMatchObject({
      reason: 'required_claim',
    })
    expect((await authenticate(pool, await sign({ token_use: 'access' }))).kind).toBe('service')
  })
})

describe('the options of every preset', () => {
  const keys = { jwks: { keys: [] } }
  const usual = { audience: resource, keys }
  const presets: readonly (readonly [string, (more: object) => Issuer])[] = [
    ['auth0', (more) => auth0({ ...usual, domain: 'acme.auth0.com', ...more })],
    [
      'cognito',
      (more) => cognito({ ...usual, region: 'eu-west-1', userPoolId: 'eu-west-1_Ab', ...more }),
    ],
    [
      'entra',
      (more) => entra({ ...usual, tenantId: '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57', ...more }),
    ],
    ['keycloak', (more) => keycloak({ ...usual, url: 'https://a.example', realm: 'r', ...more })],
    ['okta', (more) => okta({ ...usual, domain: 'acme.okta.com', ...more })],
  ]

  test.each(presets)('are known names: %s', (name, make) => {
    expect(() => make({ client: ['app'] })).toThrow(
      new TypeError(`"client" is not an option of ${name}; did you mean "clients"?`),
    )
    expect(() => make({ client: undefined })).toThrow(`"client" is not an option of ${name}`)
  })

  test.each(presets)('name the issuer otherwise: %s', (_, make) => {
    expect(make({ iss: 'https://renamed.example' }).issuers).toEqual(['https://renamed.example'])
  })

  test('cannot name the issuer of a family', () => {
    const family = { ...usual, iss: 'https://a.example' }
    const tenants = () => entra({ ...family, tenants: () => true } as never)
    expect(tenants).toThrow('"iss" is not an option of entra')
    const realms = () => keycloak({ ...family, url: 'https://a.example', realms: ['r'] } as never)
    expect(realms).toThrow('"iss" is not an option of keycloak')
  })

  test.each(presets)('must not be undefined: %s', (_, make) => {
    for (const option of ['clients', 'scopes', 'requiredClaims', 'keys', 'claimMap', 'tokenType']) {
      expect(() => make({ [option]: undefined })).toThrow(
        new TypeError(`${option} must not be undefined`),
      )
    }
  })

  test('must not be undefined where they are of one preset', () => {
    const make = new Map(presets)
    for (const [preset, option] of [
      ['entra', 'cloud'],
      ['okta', 'authorizationServer'],
      ['cognito', 'replicaRegions'],
    ] as const) {
      expect(() => make.get(preset)?.({ [option]: undefined })).toThrow(
        new TypeError(`${option} must not be undefined`),
      )
    }
  })
})

describe('a claim that a preset requires', () => {
  const tenantId = '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'

  test.each<[string, (shared: object) => Issuer, object]>([
    [
      'the typ of Keycloak',
      (shared) =>
        keycloak({
          url: 'https://id.example.com',
          realm: 'staff',
          requiredClaims: { typ: 'ID' },
          ...(shared as { audience: string }),
        }),
      { iss: 'https://id.example.com/realms/staff', typ: 'ID', preferred_username: 'ada' },
    ],
    [
      'the tenant of Entra',
      (shared) =>
        entra({ tenantId, requiredClaims: { tid: 'other' }, ...(shared as { audience: string }) }),
      {
        iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
        tid: 'other',
        oid: 'ada',
        scp: 'a',
      },
    ],
  ])('cannot be replaced by an option: %s', async (_, make, claims) => {
    const signer = await createSigner('k1', 'RS256')
    const trusted = make({ audience: resource, keys: { jwks: signer.jwks } })
    const times = { iat: now, exp: now + 300 }
    const token = await signer.sign({ sub: 'ada', azp: 'app', aud: resource, ...times, ...claims })
    await expect(authenticate(trusted, token)).rejects.toMatchObject({ reason: 'required_claim' })
  })
})

describe('a key that names its tenant', () => {
  const tenantId = '0b9d4f0a-1b2c-4c57-9a55-6c9d3c1a4c57'

  test.each([
    ['https://login.microsoftonline.com/{tenantid}/v2.0', true],
    [`https://login.microsoftonline.com/${tenantId}/v2.0`, true],
    ['https://login.microsoftonline.com/{tenant}/v2.0', false],
    ['https://login.microsoftonline.com/{anything}/v2.0', false],
    ['https://login.microsoftonline.com/{TENANTID}/v2.0', false],
    ['https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0', false],
    ['{tenantid}', false],
  ])('%s serves the tokens of that tenant only: %j', async (issuerOfKey, isAccepted) => {
    const signer = await createSigner('k1', 'RS256')
    const jwks = { keys: signer.jwks.keys.map((key) => ({ ...key, issuer: issuerOfKey })) }
    const directory = entra({ tenantId, audience: resource, keys: { jwks } })
    const iss = `https://login.microsoftonline.com/${tenantId}/v2.0`
    const claims = { iss, tid: tenantId, oid: 'ada', sub: 's', azp: 'app', scp: 'a' }
    const token = await signer.sign({ ...claims, aud: resource, iat: now, exp: now + 300 })
    const verdict = authenticate(directory, token).then(
      () => true,
      (error: { reason: string }) => error.reason,
    )
    expect(await verdict).toBe(isAccepted ? true : 'key_issuer')
  })
})
