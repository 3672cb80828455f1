import { createAuthenticator, direct } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { discoveredKeys, jwksKeys } from '../../src/keys/remote-keys.ts'
import { createPeople, type Party } from '../support/world.ts'

describe('an address that keys come from', () => {
  it.each([
    'https://issuer.example/jwks',
    'https://issuer.example:8443/jwks?version=2',
    'https://10.example.com/jwks',
    'https://192.168.example.com/jwks',
    'https://0.example.com/jwks',
    'https://172.16.example.com/jwks',
    'https://8.8.8.8/jwks',
    'https://[2001:db8::1]/jwks',
    'https://localhost.example.com/jwks',
    'https://id.corp.internal/jwks',
    'https://198.20.0.1/jwks',
    'http://localhost:8080/jwks',
    'http://127.0.0.1:8080/jwks',
    'http://127.1.2.3/jwks',
    'http://[::1]:8080/jwks',
    'https://localhost/jwks',
  ])('may be %s', (address) => {
    expect(() => jwksKeys(address)).not.toThrow()
  })

  it.each([
    ['issuer.example/jwks', 'jwksUri must be an absolute URL'],
    ['/jwks', 'jwksUri must be an absolute URL'],
    ['', 'jwksUri must be an absolute URL'],
    [undefined, 'jwksUri must be an absolute URL'],
    [
      'http://issuer.example/jwks',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'http://localhost.evil.example/',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'http://127.0.0.1.evil.example/',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'http://10.0.0.1/',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'file:///etc/passwd',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'ftp://issuer.example/',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'data:application/json,{}',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    [
      'javascript:alert(1)',
      'jwksUri must use https (http is for loopback and insecureHttpHosts only)',
    ],
    ['https://10.0.0.1/', 'jwksUri must not name a private address'],
    ['https://localhost6/', 'jwksUri must not name a private address'],
    ['https://localhost4.localdomain4/', 'jwksUri must not name a private address'],
    ['https://metadata/', 'jwksUri must not name a private address'],
    ['https://instance-data/', 'jwksUri must not name a private address'],
    ['https://instance-data.ec2.internal./', 'jwksUri must not name a private address'],
    ['https://192.168.1.1/', 'jwksUri must not name a private address'],
    ['https://172.16.0.1/', 'jwksUri must not name a private address'],
    ['https://172.31.255.255/', 'jwksUri must not name a private address'],
    ['https://169.254.169.254/', 'jwksUri must not name a private address'],
    ['https://100.64.0.1/', 'jwksUri must not name a private address'],
    ['https://0.0.0.0/', 'jwksUri must not name a private address'],
    // Other spellings of 10.0.0.1 and 169.254.169.254, which the URL parser resolves.
    ['https://0x0a000001/', 'jwksUri must not name a private address'],
    ['https://167772161/', 'jwksUri must not name a private address'],
    ['https://012.0.0.1/', 'jwksUri must not name a private address'],
    ['https://[::ffff:10.0.0.1]/', 'jwksUri must not name a private address'],
    ['https://[fc00::1]/', 'jwksUri must not name a private address'],
    ['https://[fd12:3456::1]/', 'jwksUri must not name a private address'],
    ['https://[fe80::1]/', 'jwksUri must not name a private address'],
    ['https://[::]/', 'jwksUri must not name a private address'],
    ['https://198.18.0.1/', 'jwksUri must not name a private address'],
    ['https://192.0.0.192/', 'jwksUri must not name a private address'],
    ['https://224.0.0.1/', 'jwksUri must not name a private address'],
    ['https://255.255.255.255/', 'jwksUri must not name a private address'],
    ['https://[fec0::1]/', 'jwksUri must not name a private address'],
    ['https://[64:ff9b::7f00:1]/', 'jwksUri must not name a private address'],
    ['https://[2002:7f00:1::]/', 'jwksUri must not name a private address'],
    ['https://localhost./', 'jwksUri must not name a private address'],
    ['https://foo.localhost/', 'jwksUri must not name a private address'],
    ['https://localhost.localdomain/', 'jwksUri must not name a private address'],
    ['https://ip6-localhost/', 'jwksUri must not name a private address'],
    ['https://metadata.google.internal/', 'jwksUri must not name a private address'],
    ['https://user@issuer.example/', 'jwksUri must not carry user information or a fragment'],
    ['https://user:pass@issuer.example/', 'jwksUri must not carry user information or a fragment'],
    ['https://issuer.example/#keys', 'jwksUri must not carry user information or a fragment'],
  ])('must not be %s', (address, message) => {
    expect(() => jwksKeys(address as string)).toThrow(new TypeError(message))
  })

  it('is held to the same rules for an issuer that is asked for its metadata', () => {
    expect(() => discoveredKeys('https://issuer.example/realm')).not.toThrow()
    expect(() => discoveredKeys('stytch.com/project')).toThrow(
      new TypeError('iss must be an absolute URL'),
    )
    expect(() => discoveredKeys('http://issuer.example')).toThrow(
      new TypeError('iss must use https (http is for loopback and insecureHttpHosts only)'),
    )
  })
})

describe('the resource of an authenticator', () => {
  let people: Party
  beforeAll(async () => {
    people = await createPeople()
  })

  it.each([
    [undefined, 'resource must be an absolute URL'],
    ['', 'resource must be an absolute URL'],
    ['mcp.example.com', 'resource must be an absolute URL'],
    ['http://mcp.example.com/mcp', 'resource must use https (http is for loopback only)'],
    ['https://mcp.example.com/mcp#x', 'resource must not carry user information or a fragment'],
  ])('must not be %j', (resource, message) => {
    const sources = [direct({ issuer: people.issuer() })]
    expect(() => createAuthenticator({ resource: resource as string, sources })).toThrow(
      new TypeError(message),
    )
  })
})
