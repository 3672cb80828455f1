import {
  createAuthenticator,
  direct,
  forwarded,
  plainHeaders,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  createGateway,
  createPeople,
  gatewayIssuer,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party

beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

describe('the address of the metadata (RFC 9728 section 3.1)', () => {
  it.each([
    ['https://mcp.example.com', ''],
    ['https://mcp.example.com/', ''],
    ['https://mcp.example.com/mcp', '/mcp'],
    ['https://mcp.example.com/mcp/', '/mcp/'],
    ['https://mcp.example.com/tenant/a/mcp', '/tenant/a/mcp'],
    ['https://mcp.example.com/mcp?tenant=a', '/mcp?tenant=a'],
    ['https://mcp.example.com?tenant=a', '?tenant=a'],
    ['https://mcp.example.com/?tenant=a', '?tenant=a'],
    ['https://mcp.example.com/a%20b', '/a%20b'],
  ])('of %s ends in %j', (name, end) => {
    expect(addressOf(name)).toBe(
      `https://mcp.example.com/.well-known/oauth-protected-resource${end}`,
    )
  })

  it('keeps the port', () => {
    expect(addressOf('http://localhost:3000/mcp')).toBe(
      'http://localhost:3000/.well-known/oauth-protected-resource/mcp',
    )
  })
})

describe('the metadata', () => {
  it('names the resource as it was stated, who issues tokens for it, and how they are sent', () => {
    const { metadata } = createAuthenticator({
      resource: 'https://MCP.example.com',
      sources: [direct({ issuer: people.issuer() })],
    })
    expect(metadata).toEqual({
      resource: 'https://MCP.example.com',
      authorization_servers: [peopleIssuer],
      bearer_methods_supported: ['header'],
    })
  })

  it('sends clients to who issues the token in Authorization, once each, in order', () => {
    const via = gateway.issuer({ scopes: ['mcp:invoke', 'mcp:list'] })
    const other = people.issuer({ iss: ['https://a.example', 'https://b.example'] })
    const { metadata } = createAuthenticator({
      resource,
      sources: [
        forwarded({
          header: 'x-user-token',
          issuer: people.issuer(),
          gateway: via,
          bind: 'audience',
        }),
        direct({ issuer: other }),
        direct({ issuer: gateway.issuer({ scopes: 'mcp:invoke' }) }),
        signedHeader({ header: 'x-assertion', issuer: people.issuer() }),
      ],
    })
    expect(metadata).toEqual({
      resource,
      authorization_servers: [gatewayIssuer, 'https://a.example'],
      scopes_supported: ['mcp:invoke', 'mcp:list'],
      bearer_methods_supported: ['header'],
    })
  })

  it('says what people can read about the resource', () => {
    const { metadata } = createAuthenticator({
      resource,
      sources: [direct({ issuer: people.issuer() })],
      about: {
        name: 'Invoices of Ägir & Söhne',
        documentationUrl: 'https://docs.example.com/mcp?lang=en',
        policyUrl: 'https://example.com/privacy',
        termsUrl: 'https://example.com/terms',
      },
    })
    expect(metadata).toEqual({
      resource,
      resource_name: 'Invoices of Ägir & Söhne',
      resource_documentation: 'https://docs.example.com/mcp?lang=en',
      resource_policy_uri: 'https://example.com/privacy',
      resource_tos_uri: 'https://example.com/terms',
      authorization_servers: [peopleIssuer],
      bearer_methods_supported: ['header'],
    })
  })

  it.each([
    [{ name: '' }, 'about.name must be a text'],
    [{ name: undefined }, 'name must not be undefined'],
    [{ policyUrl: '/privacy' }, 'about.policyUrl must be an absolute URL'],
    [
      { termsUrl: 'http://example.com/terms' },
      'about.termsUrl must use https (http is for loopback only)',
    ],
    [
      { documentationUrl: 'javascript:alert(1)' },
      'about.documentationUrl must use https (http is for loopback only)',
    ],
    [
      { policyUri: 'https://example.com/privacy' },
      '"policyUri" is not an option of about; did you mean "policyUrl"?',
    ],
  ])('takes no description that is wrong: %o', (about, message) => {
    const sources = [direct({ issuer: people.issuer() })]
    expect(() => createAuthenticator({ resource, sources, about: about as never })).toThrow(
      new TypeError(message),
    )
  })

  it('cannot be changed', () => {
    const issuer = people.issuer({ scopes: 'notes:read' })
    const { metadata } = createAuthenticator({ resource, sources: [direct({ issuer })] })
    expect(Object.isFrozen(metadata)).toBe(true)
    for (const list of [metadata.authorization_servers, metadata.scopes_supported]) {
      expect(Object.isFrozen(list)).toBe(true)
    }
  })

  it('names nobody when no source reads Authorization', () => {
    const proof = sharedSecret({ header: 'x-gateway-secret', secret: 's'.repeat(32) })
    const { metadata } = createAuthenticator({
      resource,
      sources: [plainHeaders({ headers: { subject: 'x-user' }, iss: gatewayIssuer, proof })],
    })
    expect(metadata).toStrictEqual({ resource, bearer_methods_supported: ['header'] })
  })
})

function addressOf(name: string): string {
  const sources = [direct({ issuer: people.issuer() })]
  return createAuthenticator({ resource: name, sources }).resourceMetadataUrl
}
