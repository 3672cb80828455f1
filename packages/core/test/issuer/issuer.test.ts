import { type IssuerOptions, issuer } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'

const good: IssuerOptions = {
  iss: 'https://people.example.com',
  audience: 'https://mcp.example.com/mcp',
  kind: 'by-client',
  keys: { jwks: { keys: [] } },
}

describe('issuer', () => {
  it('takes one name or several, and shows what it was given', () => {
    expect(issuer(good)).toMatchObject({
      issuers: ['https://people.example.com'],
      clients: undefined,
      scopes: [],
    })
    const several = issuer({
      ...good,
      iss: ['https://a.example', 'stytch.com/project'],
      clients: ['a', 'b'],
      scopes: 'notes:read',
    })
    expect(several).toMatchObject({
      issuers: ['https://a.example', 'stytch.com/project'],
      clients: ['a', 'b'],
      scopes: ['notes:read'],
    })
  })

  it('cannot be changed afterwards', () => {
    const names = ['https://a.example']
    const made = issuer({ ...good, iss: names, clients: names })
    names.push('https://evil.example')
    expect(made).toMatchObject({ issuers: ['https://a.example'], clients: ['https://a.example'] })
    for (const value of [made, made.issuers, made.clients])
      expect(Object.isFrozen(value)).toBe(true)
  })

  it('bounds the time until a token expires to a day, or to what it is given', () => {
    expect(issuer(good).maxLifetimeSeconds).toBe(86_400)
    expect(issuer({ ...good, maxLifetimeSeconds: 300 }).maxLifetimeSeconds).toBe(300)
    expect(issuer({ ...good, maxLifetimeSeconds: null }).maxLifetimeSeconds).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  it('may go without an audience when it lists its clients', () => {
    expect(issuer({ ...good, audience: null, clients: 'gateway' }).clients).toEqual(['gateway'])
  })

  it('fetches nothing until it is asked', () => {
    const fetch = (() => {
      throw new Error('fetched')
    }) as typeof globalThis.fetch
    const name = 'https://people.example.com'
    expect(() => issuer({ iss: name, audience: 'api', kind: 'by-client', fetch })).not.toThrow()
    expect(() =>
      issuer({
        iss: name,
        audience: 'api',
        kind: 'by-client',
        fetch,
        keys: { jwksUri: `${name}/jwks` },
      }),
    ).not.toThrow()
  })
})

const names = (option: string): string => `${option} must name at least one non-empty string`
const noAudience = 'audience: null needs clients, or any token of the issuer would do'
const noAlgorithm = 'algorithms must name asymmetric signature algorithms'
const noKeys = "keys must be 'discovery', { jwksUri }, { jwks } or a key source"
const noClaimMap = 'claimMap'
const kindNeeded =
  "kind is required: it says how tokens of users and of services differ. Use 'by-client' if"

/** Every wrong value is a mistake of the programmer that shows at start-up. */
const wrong: readonly (readonly [option: string, value: unknown, message: string])[] = [
  ['iss', undefined, 'iss is required'],
  ['iss', '', names('iss')],
  ['iss', [], names('iss')],
  ['iss', ['https://a.example', ''], names('iss')],
  ['iss', [undefined], names('iss')],
  ['iss', null, names('iss')],
  ['iss', 7, names('iss')],
  ['audience', undefined, 'audience is required'],
  ['audience', '', names('audience')],
  ['audience', [], names('audience')],
  ['audience', [7], names('audience')],
  ['audience', {}, names('audience')],
  ['audience', null, noAudience],
  ['clients', '', names('clients')],
  ['clients', [], names('clients')],
  ['clients', [null], names('clients')],
  ['clients', false, names('clients')],
  ['scopes', '', names('scopes')],
  ['scopes', [], names('scopes')],
  ['algorithms', [], noAlgorithm],
  ['algorithms', ['none'], noAlgorithm],
  ['algorithms', ['HS256'], noAlgorithm],
  ['algorithms', ['RS256', 'HS256'], noAlgorithm],
  ['algorithms', ['rs256'], noAlgorithm],
  ['algorithms', 'RS256', noAlgorithm],
  ['algorithms', null, noAlgorithm],
  ['keys', 'jwks', noKeys],
  ['keys', {}, noKeys],
  ['keys', 7, noKeys],
  ['keys', { find: () => [] }, noKeys],
  ['keys', { jwks: undefined }, noKeys],
  ['keys', { jwks: [] }, noKeys],
  ['keys', { jwks: { keys: {} } }, noKeys],
  ['keys', { jwksUri: 'jwks' }, 'jwksUri must be an absolute URL'],
  ['keys', { jwksUri: 'http://people.example.com/jwks' }, 'jwksUri must use https'],
  ['tokenType', 'JWT', "tokenType must be 'at+jwt' or 'compatible'"],
  ['tokenType', null, "tokenType must be 'at+jwt' or 'compatible'"],
  ['keyId', 'none', "keyId must be 'required' or 'optional'"],
  ['keyId', false, "keyId must be 'required' or 'optional'"],
  [
    'requiredClaims',
    { tid: undefined },
    'requiredClaims must hold strings, lists of strings, true or false',
  ],
  [
    'requiredClaims',
    { version: 2 },
    'requiredClaims must hold strings, lists of strings, true or false',
  ],
  ['requiredClaims', 'tid', 'requiredClaims must hold strings, lists of strings, true or false'],
  ['maxLifetimeSeconds', 0, 'maxLifetimeSeconds must be positive, or null'],
  ['maxLifetimeSeconds', -1, 'maxLifetimeSeconds must be positive, or null'],
  ['maxLifetimeSeconds', Number.NaN, 'maxLifetimeSeconds must be positive, or null'],
  ['maxLifetimeSeconds', Number.POSITIVE_INFINITY, 'maxLifetimeSeconds must be positive, or null'],
  ['maxLifetimeSeconds', '300', 'maxLifetimeSeconds must be positive, or null'],
  ['requiredClaims', { tid: [] }, 'requiredClaims must hold strings, lists of strings, true or'],
  ['acceptNonce', 'yes', 'acceptNonce must be true or false'],
  ['acceptIdTokens', 1, 'acceptIdTokens must be true or false'],
  ['acceptTokensForOtherServers', 1, 'acceptTokensForOtherServers must be true or false'],
  ['ignoreKeyHeaders', null, 'ignoreKeyHeaders must be true or false'],
  ['maxTokenBytes', 16_383, 'maxTokenBytes must be a whole number from 16384 to 65536'],
  ['maxTokenBytes', 65_537, 'maxTokenBytes must be a whole number from 16384 to 65536'],
  ['maxKeysTried', 0, 'maxKeysTried must be a whole number from 1 to 100'],
  ['maxKeysTried', 101, 'maxKeysTried must be a whole number from 1 to 100'],
  ['authorizationServers', [], 'authorizationServers must name at least one non-empty string'],
  ['authorizationServers', 'idp.example.com', 'authorizationServers must be an absolute URL'],
  ['authorizationServers', 'http://idp.example.com', 'authorizationServers must use https'],
  ['clockSkewSeconds', -1, 'clockSkewSeconds must be from 0 to 600'],
  ['clockSkewSeconds', 601, 'clockSkewSeconds must be from 0 to 600'],
  ['clockSkewSeconds', Number.NaN, 'clockSkewSeconds must be from 0 to 600'],
  // As text it would be appended to a time instead of added.
  ['clockSkewSeconds', '30', 'clockSkewSeconds must be from 0 to 600'],
  ['claimMap', { subject: undefined }, noClaimMap],
  ['claimMap', { roles: 7 }, noClaimMap],
  ['claimMap', { roles: '' }, noClaimMap],
  ['claimMap', { roles: [] }, noClaimMap],
  ['claimMap', { roles: ['a', 7] }, noClaimMap],
  ['claimMap', { kind: () => 'user' }, 'claimMap.kind is unknown'],
  ['kind', undefined, kindNeeded],
  ['kind', 'person', kindNeeded],
  ['kind', null, kindNeeded],
  ['claimMap', { organisation: 'org' }, noClaimMap],
  ['schema', {}, 'schema must be a Standard Schema'],
  ['schema', { parse: () => ({}) }, 'schema must be a Standard Schema'],
]

describe('issuer refuses, naming the option,', () => {
  it.each(wrong)('%s: %j', (option, value, message) => {
    const make = (): unknown => issuer({ ...good, [option]: value } as IssuerOptions)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })

  it.each([
    ['maxAgeSeconds', 0, 'maxAgeSeconds must be positive'],
    ['maxAgeSeconds', Number.NaN, 'maxAgeSeconds must be positive'],
    ['maxStaleSeconds', -1, 'maxStaleSeconds must not be negative'],
    ['timeoutSeconds', 0, 'timeoutSeconds must be above 0 and at most 30'],
  ])('%s: %j, where keys are fetched', (option, value, message) => {
    const keys = { jwksUri: 'https://people.example.com/jwks' }
    const make = (): unknown => issuer({ ...good, keys, [option]: value })
    expect(make).toThrow(new TypeError(message))
  })

  it('a name that is not an address, where keys are to be discovered', () => {
    const { keys: _, ...discovery } = good
    expect(() => issuer({ ...discovery, iss: 'stytch.com/project' })).toThrow(
      new TypeError('iss must be an absolute URL'),
    )
  })
})
