import {
  type AuthenticatorEvent,
  createAuthenticator,
  direct,
  type IssuerOptions,
  introspected,
  issuer,
} from '@onbehalf/core'
import { keycloak } from '@onbehalf/core/issuers'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { startServer } from '../support/misbehaving-server.ts'
import { createSigner, type Signer } from '../support/signer.ts'
import { resource } from '../support/world.ts'

let signer: Signer
beforeAll(async () => {
  signer = await createSigner('a')
})
afterEach(() => vi.restoreAllMocks())

const name = 'http://keycloak:8080/realms/agents'
const hosts = { insecureHttpHosts: ['keycloak'] }

describe('an issuer on a host of a container network', () => {
  it.each([
    ['by discovery', {}, name, ['keys_loaded']],
    ['by a stated address', { keys: { jwksUri: `${name}/keys` } }, name, ['keys_loaded']],
    [
      'under another name',
      { keys: { jwksUri: `${name}/keys` } },
      'https://a.test',
      ['keys_loaded'],
    ],
  ] as const)('gives its keys %s', async (_, options, iss, events) => {
    const seen = await load({ iss, ...options, ...hosts })
    expect(seen).toEqual(['insecure_http', ...events])
  })

  it('gives its keys to the preset too, and is published where clients sign in', async () => {
    const realm = keycloak({
      url: 'http://keycloak:8080',
      realm: 'agents',
      audience: resource,
      insecureHttpHosts: 'keycloak',
    })
    expect(realm.authorizationServers).toEqual([name])
    expect(realm.insecureHttpHosts).toEqual(['keycloak'])
  })

  it.each([
    ['a host that is not stated', 'http://vault:8080/keys'],
    ['a host whose name begins like it', 'http://keycloak.example:8080/keys'],
    ['this machine', 'http://127.0.0.1:8080/keys'],
    ['a private address', 'http://10.0.0.1/keys'],
  ])('may not send this server to %s', async (_, jwks_uri) => {
    const seen = await load({ iss: name, ...hosts }, { jwks_uri })
    expect(seen).toEqual(['insecure_http', 'metadata_jwks_uri'])
  })

  it('is not where an issuer with TLS, or on this machine, may send this server', async () => {
    for (const iss of ['https://login.example.com', 'http://localhost:8080']) {
      const seen = await load({ iss, ...hosts }, { jwks_uri: `${name}/keys` })
      expect(seen).toEqual(['insecure_http', 'metadata_jwks_uri'])
    }
  })
})

describe('insecureHttpHosts', () => {
  it.each([
    'keycloak',
    'key_cloak-2',
    'id.corp.internal',
    'macbook.local',
    'login.test',
    'keycloak.auth.svc',
    'keycloak.auth.svc.cluster.local',
  ])('may name %s', (host) => {
    const jwksUri = `http://${host}:8080/keys`
    expect(() => issuer({ ...usual, keys: { jwksUri }, insecureHttpHosts: [host] })).not.toThrow()
    expect(() => issuer({ ...usual, keys: { jwksUri } })).toThrow('jwksUri must use https')
    expect(() => asked(`http://${host}/introspect`, host)).not.toThrow()
  })

  it.each([
    ['a public name', 'login.example.com'],
    ['a public suffix', 'keycloak.dev'],
    ['a name that ends like a suffix', 'evilinternal.com'],
    ['an address', '10.0.0.1'],
    ['an address in one number', '167772161'],
    ['an address in hexadecimal', '0x7f000001'],
    ['an IPv6 address', '[fc00::1]'],
    ['a port', 'keycloak:8080'],
    ['a URL', 'http://keycloak'],
    ['a wildcard', '*'],
    ['a wildcard under a suffix', '*.internal'],
    ['a suffix alone', '.internal'],
    ['capitals', 'Keycloak'],
    ['a dot at the end', 'keycloak.'],
    ['a blank', 'key cloak'],
    ['a path', 'keycloak/'],
    ['user information', 'a@keycloak'],
    ['a metadata service', 'metadata.google.internal'],
    ['a metadata service by one label', 'metadata'],
    ['a metadata service of AWS', 'instance-data.ec2.internal'],
    ['a metadata service of Azure', 'metadata.azure.internal'],
    ['a name of this machine', 'localhost6'],
    ['nothing', ''],
  ])('may not name %s', (_, host) => {
    const refused = /^insecureHttpHosts must (?:list host names|name at least one)/
    expect(() => issuer({ ...usual, insecureHttpHosts: ['keycloak', host] })).toThrow(refused)
    expect(() => asked('https://id.example.com/introspect', host)).toThrow(refused)
  })

  it('does not let private addresses be asked', () => {
    const of = (jwksUri: string) => () => issuer({ ...usual, keys: { jwksUri }, ...hosts })
    expect(of('http://10.0.0.1/keys')).toThrow('must use https')
    expect(of('https://10.0.0.1/keys')).toThrow('must not name a private address')
  })

  it('is reported once at start, and on the console where nobody sees events', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const sources = [direct({ issuer: issuer({ ...usual, ...hosts }) })]
    const events: AuthenticatorEvent[] = []
    createAuthenticator({ resource, sources, onEvent: (event) => events.push(event) })
    expect(events).toEqual([{ type: 'insecure_http', issuer: usual.iss, hosts: ['keycloak'] }])
    expect(warn).not.toHaveBeenCalled()
    createAuthenticator({ resource, sources })
    expect(warn.mock.calls).toEqual([
      [`Onbehalf: keys or tokens of ${usual.iss} travel over http (insecureHttpHosts)`],
    ])
  })
})

const usual = { iss: 'https://login.example.com', audience: resource, kind: 'by-client' } as const

function asked(endpoint: string, host: string) {
  const client = { clientId: 'server', clientSecret: 'secret' }
  return introspected({ ...usual, ...client, endpoint, insecureHttpHosts: host })
}

/** What is reported while the keys of an issuer are loaded. */
async function load(
  options: Pick<IssuerOptions, 'iss' | 'keys' | 'insecureHttpHosts'>,
  changes: object = {},
): Promise<string[]> {
  const metadata = { issuer: options.iss, jwks_uri: `${name}/keys`, ...changes }
  const { origin } = await startServer((req, res) => {
    res.end(JSON.stringify(req.url?.endsWith('/keys') ? signer.jwks : metadata))
  })
  // What the name server of the container network would do.
  const resolved: typeof fetch = (url, init) => fetch(origin + (url as URL).pathname, init)
  const reported: string[] = []
  const authenticator = createAuthenticator({
    resource,
    sources: [
      direct({ issuer: issuer({ audience: resource, kind: 'user', fetch: resolved, ...options }) }),
    ],
    onEvent: (event) => reported.push('reason' in event ? event.reason : event.type),
  })
  await authenticator.ready().catch(() => {})
  return reported
}
