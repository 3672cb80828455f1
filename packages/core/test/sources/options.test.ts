import {
  backChannelLogout,
  certificateBound,
  clientCertificate,
  createAuthenticator,
  direct,
  dpop,
  enriched,
  forwarded,
  gatewayToken,
  introspected,
  issuer,
  memoryStore,
  plainHeaders,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { resource } from '../support/world.ts'

const keys = { jwks: { keys: [] } }
const people = issuer({
  iss: 'https://people.example.com',
  audience: resource,
  kind: 'by-client',
  keys,
})
const gateway = issuer({
  iss: 'https://gateway.example.com',
  audience: resource,
  kind: 'by-client',
  clients: 'gateway',
  keys,
})
const secret = 'a-secret-of-the-gateway-that-is-long-enough'
const names = { subject: 'x-user' }
const proof = gatewayToken(gateway)

type Make = (options: object) => unknown
const takers: readonly (readonly [string, Make, misspelt: string, optional: string])[] = [
  [
    'issuer',
    (more) => issuer({ iss: 'https://a.example', audience: resource, kind: 'user', keys, ...more }),
    'client',
    'clients',
  ],
  [
    'introspected',
    (more) =>
      introspected({
        iss: 'https://a.example',
        endpoint: 'https://a.example/introspect',
        clientId: 'a',
        clientSecret: 'b',
        audience: resource,
        kind: 'user',
        ...more,
      }),
    'scope',
    'clients',
  ],
  ['direct', (more) => direct({ issuer: people, ...more }), 'clients', 'issuer'],
  [
    'signedHeader',
    (more) => signedHeader({ header: 'x-assertion', issuer: people, ...more }),
    'headers',
    'issuer',
  ],
  [
    'forwarded',
    (more) => forwarded({ header: 'x-user', issuer: people, gateway, bind: 'audience', ...more }),
    'binds',
    'presented',
  ],
  [
    'enriched',
    (more) => enriched({ issuer: gateway, userClaim: 'onBehalfOf', ...more }),
    'client',
    'clients',
  ],
  [
    'enriched',
    (more) => enriched({ issuer: gateway, userClaim: 'u', ...more }),
    'heading',
    'header',
  ],
  [
    'plainHeaders',
    (more) => plainHeaders({ headers: names, iss: 'https://a.example', proof, ...more }),
    'roleFormat',
    'rolesFormat',
  ],
  [
    'sharedSecret',
    (more) => sharedSecret({ header: 'x-secret', secret, ...more }),
    'secrets',
    'secret',
  ],
  [
    'clientCertificate',
    (more) => clientCertificate({ sha256: 'ab'.repeat(32), ...more }),
    'sha512',
    'sha256',
  ],
  ['dpop', (more) => dpop({ store: memoryStore(), ...more }), 'require', 'required'],
  ['certificateBound', (more) => certificateBound({ ...more }), 'proxies', 'proxy'],
  [
    'backChannelLogout',
    (more) =>
      backChannelLogout({
        authenticator: { revoke: () => Promise.resolve() },
        issuer: people,
        audience: 'client',
        store: memoryStore(),
        ...more,
      }),
    'audiences',
    'clock',
  ],
  [
    'createAuthenticator',
    (more) => createAuthenticator({ resource, sources: [direct({ issuer: people })], ...more }),
    'revocation',
    'revocations',
  ],
]

describe('options', () => {
  it.each(takers)('of %s are refused when they are unknown', (of, make, misspelt) => {
    for (const value of [['a'], undefined]) {
      expect(() => make({ [misspelt]: value })).toThrow(TypeError)
      expect(() => make({ [misspelt]: value })).toThrow(`"${misspelt}" is not an option of ${of}`)
    }
  })

  it.each(takers)(
    'of %s are refused when they are undefined: %s %s',
    (_of, make, _name, optional) => {
      expect(() => make({ [optional]: undefined })).toThrow(TypeError)
    },
  )

  it.each(takers)('of %s are accepted otherwise', (_of, make) => {
    expect(() => make({})).not.toThrow()
  })

  it('that only observe may be undefined', () => {
    const options = { resource, sources: [direct({ issuer: people })] }
    const observers = { audit: undefined, onEvent: undefined } as object
    expect(() => createAuthenticator({ ...options, ...observers })).not.toThrow()
  })
})
