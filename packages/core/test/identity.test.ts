import { createIdentity, type Identity, type IdentityParts, principalKey } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'

const parts: IdentityParts & { readonly claims: Readonly<Record<string, unknown>> } = {
  kind: 'user',
  issuer: 'https://people.example.com',
  subject: 'jane',
  organization: { id: 'acme', name: 'Acme', roles: ['controller'] },
  organizations: [{ id: 'acme', name: 'Acme', roles: ['controller'] }],
  actor: { subject: 'agent', actor: { subject: 'portal' } },
  client: 'web',
  gateway: { issuer: 'https://gateway.example.com', client: 'gateway' },
  scopes: ['notes:read'],
  roles: ['controller'],
  source: 'forwarded',
  expiresAt: 1_800_000_300,
  tokenId: 'id-1',
  claims: { plan: 'gold', nested: { list: [{ deep: true }] } },
}

function fresh(changes: Partial<IdentityParts> = {}): Identity<unknown> {
  return createIdentity({ ...structuredClone(parts), ...changes } as IdentityParts)
}

describe('createIdentity', () => {
  it('keeps every part and adds the principal', () => {
    const principal = '["https://people.example.com","jane"]'
    expect({ ...fresh() }).toEqual({ ...parts, principal })
  })

  it('makes an object without a prototype', () => {
    const identity = fresh() as unknown as Record<string, unknown>
    expect(Object.getPrototypeOf(identity)).toBeNull()
    expect(identity['toString']).toBeUndefined()
    expect(identity['constructor']).toBeUndefined()
    expect(identity['admin']).toBeUndefined()
  })

  it.each([
    ['the identity', (identity: Identity<never>) => identity],
    ['the organization', (identity: Identity<never>) => identity.organization],
    ['the roles in it', (identity: Identity<never>) => identity.organization?.roles],
    ['the organizations', (identity: Identity<never>) => identity.organizations],
    ['a listed organization', (identity: Identity<never>) => identity.organizations[0]],
    ['the actor', (identity: Identity<never>) => identity.actor],
    ['the earlier actor', (identity: Identity<never>) => identity.actor?.actor],
    ['the gateway', (identity: Identity<never>) => identity.gateway],
    ['the scopes', (identity: Identity<never>) => identity.scopes],
    ['the roles', (identity: Identity<never>) => identity.roles],
    ['the claims', (identity: Identity<never>) => identity.claims],
    ['a nested claim', (identity: Identity<never>) => identity.claims['nested']],
    ['the deepest claim', (identity: Identity<never>) => identity.claims['nested']['list'][0]],
  ])('freezes %s', (_, read) => {
    const value: unknown = read(fresh() as Identity<never>)
    expect(value).toBeTypeOf('object')
    expect(Object.isFrozen(value)).toBe(true)
  })

  it('lets no handler change it', () => {
    const identity = fresh() as unknown as { subject: string; roles: string[] }
    expect(() => identity.roles.push('admin')).toThrow(TypeError)
    expect(() => {
      identity.subject = 'root'
    }).toThrow(TypeError)
    expect(() => Object.assign(identity, { admin: true })).toThrow(TypeError)
  })

  it('freezes what is inside an object that a schema has frozen on its surface', () => {
    const claims = Object.freeze({ tags: ['a'] })
    const identity = fresh({ claims }) as Identity<{ tags: string[] }>
    expect(() => identity.claims.tags.push('b')).toThrow(TypeError)
  })

  it('freezes claims that refer to themselves', () => {
    const claims: Record<string, unknown> = { list: [] }
    claims['self'] = claims
    expect(Object.isFrozen((fresh({ claims }) as Identity<typeof claims>).claims['list'])).toBe(
      true,
    )
  })

  it('takes claims that a schema turned into something else than JSON', () => {
    const claims = {
      since: new Date(0),
      bytes: Uint8Array.of(1),
      home: new URL('https://a.example'),
    }
    expect(fresh({ claims }).claims).toEqual(claims)
  })

  it('leaves out what is not there', () => {
    const { organization: _o, actor: _a, client: _c, gateway: _g, tokenId: _t, ...rest } = parts
    const identity = createIdentity(structuredClone(rest))
    for (const name of ['organization', 'actor', 'client', 'gateway', 'tokenId']) {
      expect(name in identity).toBe(false)
    }
  })
})

describe('principalKey', () => {
  it('names issuer and subject', () => {
    expect(principalKey('https://a.example', '42')).toBe('["https://a.example","42"]')
  })

  const pairs: readonly (readonly [
    one: readonly [string, string],
    other: readonly [string, string],
  ])[] = [
    [
      ['https://a.example', '42'],
      ['https://b.example', '42'],
    ],
    [
      ['https://a.example', '1"],["'],
      ['https://a.example"],["', '1'],
    ],
    [
      ['a', 'b","c'],
      ['a","b', 'c'],
    ],
    [
      ['a', 'b\u0000c'],
      ['a\u0000b', 'c'],
    ],
    [
      ['a ', 'b'],
      ['a', ' b'],
    ],
    [
      ['a', 'B'],
      ['a', 'b'],
    ],
  ]

  it('tells a service from a user of the same name', () => {
    expect(principalKey('https://a.example', '42', 'service')).toBe(
      '["https://a.example","42","service"]',
    )
    expect(principalKey('https://a.example', '42', 'user')).toBe('["https://a.example","42"]')
  })

  it.each(pairs)('tells %j from %j', (one, other) => {
    expect(principalKey(...one)).not.toBe(principalKey(...other))
  })
})
