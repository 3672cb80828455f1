import { createIdentity, type Identity } from '@onbehalf/core'
import { createAuthInfo, identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { describe, expect, it } from 'vitest'

const where = {
  resource: 'https://mcp.example.com/mcp',
  resourceMetadataUrl: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
}

function identityWith(changes: object = {}): Identity {
  return createIdentity({
    kind: 'user',
    issuer: 'https://people.example.com',
    subject: 'jane',
    organizations: [],
    scopes: ['notes:read', 'notes:write'],
    roles: [],
    source: 'direct',
    expiresAt: 1_800_000_300,
    claims: {},
    ...changes,
  })
}

describe('createAuthInfo', () => {
  it('makes the record that the MCP SDKs carry, without any token', () => {
    const organization = { id: 'acme', roles: [] }
    const identity = identityWith({ client: 'web', organization, organizations: [organization] })
    expect(createAuthInfo(identity, where)).toEqual({
      token: '',
      clientId: 'web',
      scopes: ['notes:read', 'notes:write'],
      expiresAt: 1_800_000_300,
      resource: new URL(where.resource),
      resourceMetadataUrl: where.resourceMetadataUrl,
      extra: { iss: 'https://people.example.com', sub: 'jane', org: 'acme' },
    })
  })

  it.each([
    [{ client: 'web', gateway: { issuer: 'g', client: 'gateway' } }, 'web'],
    [{ gateway: { issuer: 'g', client: 'gateway' } }, 'gateway'],
    [{}, 'jane'],
  ])('names a client in any case: %j', (changes, clientId) => {
    expect(createAuthInfo(identityWith(changes), where).clientId).toBe(clientId)
  })

  it('hands out a list of scopes that may be changed without changing the identity', () => {
    const identity = identityWith()
    createAuthInfo(identity, where).scopes.push('admin')
    expect(identity.scopes).toEqual(['notes:read', 'notes:write'])
    expect(createAuthInfo(identity, where).scopes).toEqual(['notes:read', 'notes:write'])
  })
})

describe('identityOfAuthInfo', () => {
  it('finds the very identity', () => {
    const identity = identityWith()
    expect(identityOfAuthInfo(createAuthInfo(identity, where))).toBe(identity)
  })

  it('finds it whatever a handler writes into the record', () => {
    const identity = identityWith()
    const info = createAuthInfo(identity, where)
    info.extra = { sub: 'root', identity: identityWith({ subject: 'root' }) }
    info.clientId = 'root'
    expect(identityOfAuthInfo(info)).toBe(identity)
  })

  it('finds nothing in a copy', () => {
    const info = createAuthInfo(identityWith(), where)
    expect(identityOfAuthInfo({ ...info })).toBeUndefined()
    expect(identityOfAuthInfo(Object.create(info))).toBeUndefined()
    expect(identityOfAuthInfo(JSON.parse(JSON.stringify(info)))).toBeUndefined()
  })

  it.each([undefined, null, 'jane', 7, {}, [], { extra: { identity: identityWith() } }])(
    'finds nothing in %j',
    (info) => {
      expect(identityOfAuthInfo(info)).toBeUndefined()
    },
  )

  it('finds nothing in an identity itself', () => {
    expect(identityOfAuthInfo(identityWith())).toBeUndefined()
  })
})
