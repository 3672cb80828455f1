import { createAuthenticator, direct, issuer, plainHeaders, sharedSecret } from '@onbehalf/core'
import { describe, expect, test } from 'vitest'
import { createSigner } from '../support/signer.ts'
import { clock, now, resource } from '../support/world.ts'

const secret = 'a-secret-that-only-the-gateway-knows'
const signer = await createSigner()
const keys = { jwks: signer.jwks }
const options = {
  iss: 'https://idp.example.com',
  audience: resource,
  kind: 'user',
  keys,
} as const
const people = issuer({ ...options, algorithms: [signer.algorithm] })

describe('header lines that are out of sight', () => {
  const authenticator = createAuthenticator({
    resource,
    clock,
    sources: [
      plainHeaders({
        iss: 'https://gateway.example.com',
        headers: { subject: 'x-user', roles: 'x-roles' },
        proof: sharedSecret({ header: 'x-secret', secret }),
      }),
    ],
  })

  test('are refused where web Headers joined two of them', async () => {
    const headers = new Headers({ 'x-user': 'ada', 'x-roles': 'viewer', 'x-secret': secret })
    headers.append('x-roles', 'admin')
    await expect(authenticator.authenticate({ headers })).rejects.toMatchObject({
      code: 'REQ',
      reason: 'duplicate_header',
    })
  })

  test('are one line where web Headers hold a list without a space', async () => {
    const headers = new Headers({ 'x-user': 'ada', 'x-roles': 'viewer,admin', 'x-secret': secret })
    expect((await authenticator.authenticate({ headers })).roles).toEqual(['viewer', 'admin'])
  })

  test('are read from the headers where an adapter left the raw list empty', async () => {
    const service = createAuthenticator({ resource, clock, sources: [direct({ issuer: people })] })
    const token = await signer.sign({
      iss: 'https://idp.example.com',
      sub: 'ada',
      aud: resource,
      iat: now,
      exp: now + 300,
    })
    const headers = { authorization: `Bearer ${token}` }
    const identity = await service.authenticate({ headers, rawHeaders: [] })
    expect(identity.subject).toBe('ada')
  })
})

describe('an option that is there and undefined', () => {
  test.each(['clients', 'scopes', 'requiredClaims'])('is refused: %s', (name) => {
    expect(() => issuer({ ...options, [name]: undefined })).toThrow(
      new TypeError(`${name} must not be undefined`),
    )
  })
})

describe('the resource', () => {
  const at = (url: string) =>
    createAuthenticator({ resource: url, sources: [direct({ issuer: people })] })

  test('may have a private address: nothing is fetched from it', () => {
    expect(at('https://10.0.0.7/mcp').resource).toBe('https://10.0.0.7/mcp')
  })

  test('must not be http elsewhere than on loopback', () => {
    expect(() => at('http://10.0.0.7/mcp')).toThrow(TypeError)
  })
})
