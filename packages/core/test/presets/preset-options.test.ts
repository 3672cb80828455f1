import { createAuthenticator, direct, type Identity, type Issuer } from '@onbehalf/core'
import { auth0, cognito, keycloak } from '@onbehalf/core/issuers'
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
