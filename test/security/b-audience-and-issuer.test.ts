import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { entra } from '@onbehalf/core/issuers'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, publicJwk, signWith } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { bearer, startDirect, startServer } from './support/server.ts'
import { mint } from './support/token.ts'

const key = createKey('ES256')
const base = {
  kind: 'by-client',
  iss: issuerName,
  keys: { jwks: { keys: [key.jwk] } },
  algorithms: ['ES256'],
} as const

describe('B5 another audience', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['another server', 'https://other.example/mcp'],
    ['a prefix', 'https://mcp.example'],
    ['a longer string', `${audience}-admin`],
    ['a substring', 'mcp'],
    ['a trailing slash', `${audience}/`],
    ['another case', audience.toUpperCase()],
    ['a query', `${audience}?x=1`],
    ['a fragment', `${audience}#x`],
    ['a leading space', ` ${audience}`],
    ['a trailing NUL', `${audience}\u0000`],
    ['another port', 'https://mcp.example:443/mcp'],
    ['percent-encoded', 'https://mcp.example/%6dcp'],
    ['a wildcard', '*'],
    ['a pattern', 'https://mcp.example/.*'],
    ['a number', 1],
    ['true', true],
    ['an object', { [audience]: true }],
    ['an object with a length', { 0: audience, length: 1 }],
    ['a nested array', [[audience]]],
    ['an array of mixed types', [audience, 1]],
    ['an array of other servers', ['https://a.example', 'https://b.example']],
    ['joined by spaces', `https://a.example ${audience}`],
    ['joined by commas', `https://a.example,${audience}`],
  ]

  it.each(['', [], null, undefined, [null, '']])(
    'B5 refuses a token without an audience: %j',
    async (aud) => {
      const server = await startDirect(key)
      const lines = bearer(mint(key, { claims: { aud } }))
      await expectRefused(server, lines, { code: 'TOK', reason: 'audience_missing' })
    },
  )

  it.each(rows)('B5 refuses an audience that is not exactly ours: %s', async (_variant, aud) => {
    const server = await startDirect(key)
    const lines = bearer(mint(key, { claims: { aud } }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'audience' })
  })

  it('B5 accepts our audience among others', async () => {
    const aud = ['https://a.example', audience]
    await expectAccepted(await startDirect(key), bearer(mint(key, { claims: { aud } })))
  })
})

describe('B6 no audience configured', () => {
  it.each([undefined, '', [], [''], [audience, '']])(
    'B6 cannot be configured without an audience: %j',
    (value) => {
      expect(() => issuer({ ...base, audience: value as string })).toThrow(TypeError)
    },
  )

  it('B6 cannot be configured with audience null unless clients are listed', () => {
    expect(() => issuer({ ...base, audience: null })).toThrow(
      new TypeError('audience: null needs clients, or any token of the issuer would do'),
    )
  })

  it('B6 cannot be configured with a pattern', () => {
    expect(() => issuer({ ...base, audience: /mcp/ as never })).toThrow(TypeError)
    expect(() => issuer({ ...base, audience: [/mcp/ as never] })).toThrow(TypeError)
  })

  it.each(['*', 'https://*.example/mcp', '.*'])('B6 knows no wildcard: %s', async (wildcard) => {
    const server = await startDirect(key, { audience: wildcard }, { good: undefined as never })
    await expectRefused(server, bearer(mint(key)), { code: 'TOK', reason: 'audience' })
  })

  it('B6 does not take the resource for an audience', async () => {
    const server = await startDirect(key, { audience: 'api://x' }, { good: undefined as never })
    const lines = bearer(mint(key, { claims: { aud: resource } }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'audience' })
  })

  it('B6 cannot be built without a resource or a source', () => {
    const sources = [direct({ issuer: issuer({ ...base, audience }) })]
    expect(() => createAuthenticator({ resource: '', sources })).toThrow(TypeError)
    expect(() => createAuthenticator({ resource: undefined as never, sources })).toThrow(TypeError)
    expect(() => createAuthenticator({ resource, sources: [] })).toThrow(TypeError)
  })
})

describe('B7 the audience of a request', () => {
  const evil = 'https://evil.example/mcp'
  const rows = [
    ['Host', [['host', 'evil.example']]],
    ['X-Forwarded-Host', [['x-forwarded-host', 'evil.example']]],
    ['Forwarded', [['forwarded', 'host=evil.example;proto=https']]],
    [
      'X-Forwarded-Proto and Host',
      [
        ['host', 'evil.example'],
        ['x-forwarded-proto', 'https'],
      ],
    ],
    ['X-Original-URL', [['x-original-url', evil]]],
  ] as const

  it.each(rows)('B7 never takes the audience from a header: %s', async (_variant, lines) => {
    const server = await startDirect(key)
    const token = mint(key, { claims: { aud: evil } })
    const expected = { code: 'TOK', reason: 'audience' } as const
    await expectRefused(server, [...bearer(token), ...lines], expected)
  })

  it('B7 never takes the audience from an absolute request target', async () => {
    const server = await startDirect(key)
    const lines = bearer(mint(key, { claims: { aud: evil } }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'audience' }, evil)
  })
})

describe('B8 another issuer', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['a trailing slash', `${issuerName}/`],
    ['another case', 'https://IDP.example'],
    ['http', 'http://idp.example'],
    ['a prefix', 'https://idp'],
    ['a longer string', `${issuerName}.evil.example`],
    ['a path', `${issuerName}/realms/x`],
    ['the default port', `${issuerName}:443`],
    ['a leading space', ` ${issuerName}`],
    ['a trailing NUL', `${issuerName}\u0000`],
    ['user information', 'https://x@idp.example'],
    ['an array', [issuerName]],
    ['an array of several', [issuerName, 'https://evil.example']],
    ['an object', { [issuerName]: 1 }],
    ['a number', 1],
    ['null', null],
    ['an empty string', ''],
    ['absent', undefined],
  ]

  it.each(rows)('B8 refuses an issuer that is not exactly ours: %s', async (_variant, iss) => {
    const server = await startDirect(key)
    const lines = bearer(mint(key, { claims: { iss } }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'issuer_unknown' })
  })
})

describe('B9 an issuer that is a trap', () => {
  const rows = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    'https://evil.example',
    `https://${'a'.repeat(10_000)}.example`,
  ]

  it.each(rows.map((iss) => [iss.slice(0, 24), iss]))(
    'B9 refuses an unknown issuer and fetches nothing: %s',
    async (_name, iss) => {
      const keys = await startKeyServer([key.jwk])
      const options = { keys: { jwksUri: keys.url } }
      const server = await startDirect(key, options, { good: undefined as never })
      const lines = bearer(mint(key, { claims: { iss } }))
      await expectRefused(server, lines, { code: 'TOK', reason: 'issuer_unknown' })
      expect(keys.fetches).toBe(0)
    },
  )
})

describe('B10 equal names under two issuers', () => {
  const [issuerA, issuerB] = ['https://a.example', 'https://b.example']
  const [keyA, keyB] = [createKey('ES256', 'k1'), createKey('ES256', 'k1')]
  const tokenOf = (iss: string, signer: typeof keyA) =>
    bearer(mint(signer, { claims: { iss, sub: '42' } }))

  function startBoth() {
    const sources = [[issuerA, keyA] as const, [issuerB, keyB] as const].map(([name, { jwk }]) =>
      direct({
        issuer: issuer({ ...base, iss: name, audience, keys: { jwks: { keys: [jwk] } } }),
      }),
    )
    return startServer({ sources, good: tokenOf(issuerA, keyA) })
  }

  it.each([
    ["A's name, B's key", issuerA, keyB],
    ["B's name, A's key", issuerB, keyA],
  ])("B10 refuses one issuer's name over the other's signature: %s", async (_variant, iss, by) => {
    const server = await startBoth()
    await expectRefused(server, tokenOf(iss, by), { code: 'TOK', reason: 'signature' })
  })

  it('B10 tells equal subjects of two issuers apart', async () => {
    const server = await startBoth()
    await expectAccepted(server, tokenOf(issuerA, keyA))
    await expectAccepted(server, tokenOf(issuerB, keyB))
    expect(server.handled.map(({ subject, principal }) => [subject, principal])).toEqual([
      ['42', '["https://a.example","42"]'],
      ['42', '["https://b.example","42"]'],
    ])
  })
})

describe('B17 the tenants of a template', () => {
  const [tenantA, tenantB] = [
    '11111111-1111-4111-8111-111111111111',
    '22222222-2222-4222-8222-222222222222',
  ]
  const nameOf = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`
  const template = 'https://login.microsoftonline.com/{tenantid}/v2.0'
  const rs = createKey('RS256')
  const claims = {
    iss: nameOf(tenantA),
    tid: tenantA,
    oid: 'ada-oid',
    scp: 'mcp',
    azp: 'agent',
    client_id: undefined,
  }
  const header = { typ: 'JWT' }

  function start(keyIssuer: string | undefined) {
    const jwk = publicJwk(rs.privateKey, { kid: 'k1', alg: 'RS256', issuer: keyIssuer })
    const people = entra({ tenantId: tenantA, audience, keys: { jwks: { keys: [jwk] } } })
    const good = bearer(mint(rs, { header, claims }))
    return startServer({ sources: [direct({ issuer: people })], good })
  }

  it.each([
    ['tid of another tenant', { tid: tenantB }, 'required_claim'],
    ['no tid', { tid: undefined }, 'required_claim'],
    ['tid in upper case', { tid: tenantA.replaceAll('1', 'A') }, 'required_claim'],
    ['iss of another tenant', { iss: nameOf(tenantB) }, 'issuer_unknown'],
    ['iss of the template', { iss: template }, 'issuer_unknown'],
    ['iss of common', { iss: nameOf('common') }, 'issuer_unknown'],
  ])('B17 refuses a token whose tenant is not ours: %s', async (_variant, changes, reason) => {
    const server = await start(template)
    const lines = bearer(mint(rs, { header, claims: { ...claims, ...changes } }))
    await expectRefused(server, lines, { code: 'TOK', reason })
  })

  it('B17 refuses the key of another tenant', async () => {
    const server = { ...(await start(nameOf(tenantB))), good: undefined }
    const lines = bearer(mint(rs, { header, claims }))
    await expectRefused(server, lines, { code: 'TOK', reason: 'key_issuer' })
  })

  it.each([undefined, template, nameOf(tenantA)])(
    'B17 accepts a key of this tenant or of the template: %s',
    async (keyIssuer) => {
      await expectAccepted(await start(keyIssuer), bearer(mint(rs, { header, claims })))
    },
  )

  it.each(['common', 'organizations', 'consumers', '{tenantid}', `${tenantA}/..`])(
    'B17 cannot be configured with many tenants at once: %s',
    (tenantId) => {
      expect(() => entra({ tenantId, audience })).toThrow(
        'tenantId must be the GUID of one directory',
      )
    },
  )
})

it('B10 keeps issuer and subject apart in the principal whatever they contain', async () => {
  const names = ['https://a.example', 'https://a.example","x']
  const subjects = ['42', 'x","42']
  const server = await startServer({
    sources: names.map((name) => direct({ issuer: issuer({ ...base, iss: name, audience }) })),
  })
  for (const iss of names) {
    for (const sub of subjects) {
      const token = mint(key, { claims: { iss, sub, iat: now }, sign: signWith(key) })
      await expectAccepted(server, bearer(token))
    }
  }
  expect(new Set(server.handled.map(({ principal }) => principal)).size).toBe(4)
})
