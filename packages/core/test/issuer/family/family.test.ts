import {
  type Authenticator,
  type AuthenticatorEvent,
  createAuthenticator,
  direct,
  type IssuersOptions,
  issuer,
  issuers,
} from '@onbehalf/core'
import { entra, keycloak, type TenantList } from '@onbehalf/core/issuers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { expectRefused, thrownBy } from '../../support/expect-refused.ts'
import { startServer } from '../../support/misbehaving-server.ts'
import { createSigner, type Signer } from '../../support/signer.ts'
import { bearer, now, personClaims, resource } from '../../support/world.ts'

let signer: Signer
beforeAll(async () => {
  signer = await createSigner('tenant-key')
})

/** An issuer for each path of one server, which counts what it is asked. */
async function startIssuers() {
  const asked: string[] = []
  const { origin } = await startServer((req, res) => {
    const url = req.url ?? ''
    asked.push(url)
    res.setHeader('content-type', 'application/json')
    const iss = origin + url.replace('/.well-known/openid-configuration', '')
    const isMetadata = url.endsWith('/.well-known/openid-configuration')
    res.end(JSON.stringify(isMetadata ? { issuer: iss, jwks_uri: `${iss}/keys` } : signer.jwks))
  })
  return { origin, asked, tokenOf: (iss: string, claims = {}) => tokenOf(iss, claims) }
}

const tokenOf = (iss: string, claims: object = {}): Promise<string> =>
  signer.sign(personClaims({ iss, ...claims }))

interface Setup extends Partial<IssuersOptions> {
  readonly cache?: null
}

/** An authenticator whose clocks a test moves, and all it reports. */
function withList(find: IssuersOptions['find'], { cache, ...options }: Setup = {}) {
  const events: AuthenticatorEvent[] = []
  const time = { seconds: 0 }
  const family = issuers({
    find,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    monotonic: () => time.seconds,
    ...options,
  })
  const authenticator = createAuthenticator({
    resource,
    clock: () => now,
    sources: [direct({ issuer: family })],
    onEvent: (event) => events.push(event),
    ...(cache === null && { cache }),
  })
  const call = async (iss: string, claims = {}) =>
    authenticator.authenticate(bearer(await tokenOf(iss, claims)))
  return { authenticator, call, events, time }
}

const unlisted = { code: 'TOK', reason: 'issuer_unlisted' } as const

describe('issuers that are looked up', () => {
  it('are accepted by their exact name, each with its own keys', async () => {
    const { origin, asked } = await startIssuers()
    const { call, events } = withList(async (iss) => (iss === `${origin}/acme` ? {} : undefined))
    expect(await call(`${origin}/acme`)).toMatchObject({
      issuer: `${origin}/acme`,
      subject: 'jane',
    })
    expect(asked).toEqual(['/acme/.well-known/openid-configuration', '/acme/keys'])
    expect(events).toMatchObject([
      { type: 'issuer_added', issuer: `${origin}/acme` },
      { type: 'keys_loaded', issuer: `${origin}/acme` },
      { type: 'accepted' },
    ])
    await expectRefused(() => call(`${origin}/acme/`), unlisted)
    await expectRefused(() => call(`${origin}/ACME`), unlisted)
    expect(asked).toHaveLength(2)
  })

  it('cost nothing until they are on the list, and one look-up for each name', async () => {
    const { origin, asked } = await startIssuers()
    const looked: string[] = []
    const { call } = withList(async (iss) => void looked.push(iss))
    const names = Array.from({ length: 1000 }, (_, n) => `${origin}/made-up-${n}`)
    for (const name of names) await expectRefused(() => call(name), unlisted)
    for (const name of names) await expectRefused(() => call(name), unlisted)
    expect(asked).toEqual([])
    expect(looked).toEqual(names)
  })

  it.each([
    ['a name of more than 512 characters', `https://id.example.com/${'a'.repeat(500)}`],
    ['no name', ''],
    ['a number', 7],
    ['a list', ['https://id.example.com']],
    ['the name of a prototype', '__proto__'],
  ])('are not looked up by %s', async (_case, iss) => {
    const looked: string[] = []
    const { call } = withList((name) => void looked.push(name))
    await thrownBy(() => call('', { iss }))
    expect(looked.filter((name) => name !== '__proto__')).toEqual([])
  })

  it('are looked up once for calls at the same time', async () => {
    const { origin, asked } = await startIssuers()
    const looked: string[] = []
    const { call } = withList(async (iss) => {
      looked.push(iss)
      return {}
    })
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => call(`${origin}/acme`, { sub: `p${n}` })),
    )
    expect(looked).toEqual([`${origin}/acme`])
    expect(asked).toHaveLength(2)
  })

  it('are refused, known tokens too, once the answer of the list is too old', async () => {
    const { origin } = await startIssuers()
    const rows = new Map([[`${origin}/acme`, {}]])
    const { authenticator, events, time } = withList(async (iss) => rows.get(iss), {
      listSeconds: 30,
    })
    const token = bearer(await tokenOf(`${origin}/acme`))
    await authenticator.authenticate(token)
    rows.clear()
    time.seconds = 29
    expect((await authenticator.authenticate(token)).subject).toBe('jane')
    time.seconds = 30
    await expectRefused(() => authenticator.authenticate(token), unlisted)
    expect(events).toContainEqual({ type: 'issuer_removed', issuer: `${origin}/acme` })
  })

  it('are found within 10 seconds after they are added', async () => {
    const { origin } = await startIssuers()
    const rows = new Map<string, object>()
    const { call, time } = withList(async (iss) => rows.get(iss))
    await expectRefused(() => call(`${origin}/new`), unlisted)
    rows.set(`${origin}/new`, {})
    time.seconds = 9.9
    await expectRefused(() => call(`${origin}/new`), unlisted)
    time.seconds = 10
    expect((await call(`${origin}/new`)).subject).toBe('jane')
  })

  it('keep their keys while the list says the same, and are built again when it does not', async () => {
    const { origin, asked } = await startIssuers()
    const row = { clients: 'web-client' }
    const { authenticator, call, time } = withList(async () => ({ ...row }))
    const token = bearer(await tokenOf(`${origin}/acme`))
    await authenticator.authenticate(token)
    time.seconds = 61
    await authenticator.authenticate(token)
    expect(asked).toHaveLength(2)
    row.clients = 'another-client'
    time.seconds = 122
    // The very token that was accepted before.
    const refused = { code: 'TOK', reason: 'client' } as const
    await expectRefused(() => authenticator.authenticate(token), refused)
    await expectRefused(() => call(`${origin}/acme`), refused)
  })

  it('are held up to a number, and loaded again when they come back', async () => {
    const { origin, asked } = await startIssuers()
    const { call } = withList(() => ({}), { maxIssuers: 10, cache: null })
    for (let n = 0; n < 40; n++) await call(`${origin}/t${n}`)
    expect(asked).toHaveLength(80)
    await call(`${origin}/t0`)
    expect(asked).toHaveLength(82)
  })

  it.each<[string, IssuersOptions['find']]>([
    [
      'throws',
      () => {
        throw new Error('no table')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no database'))],
  ])('are a failure of this server when the list %s', async (_case, find) => {
    await expectRefused(() => withList(find).call('https://id.example.com'), {
      code: 'DOWN',
      reason: 'issuers_unavailable',
    })
  })

  it.each([{ iss: 'https://evil.example' }, { audience: 'x' }, { clients: [] }, 'yes', true])(
    'are refused when the list says %j',
    async (row) => {
      const { call } = withList(() => row as never)
      const error = await thrownBy(() => call('https://id.example.com'))
      expect(error).toMatchObject({ code: 'DOWN' })
    },
  )

  it('wait for no more than 64 answers at a time', async () => {
    let answer = (): void => {}
    const open = new Promise<undefined>((resolve) => {
      answer = () => resolve(undefined)
    })
    const looked: string[] = []
    const { call } = withList((iss) => {
      looked.push(iss)
      return open
    })
    const names = Array.from({ length: 64 }, (_, n) => `https://t${n}.example`)
    const waiting = names.map((name) => thrownBy(() => call(name)))
    await vi.waitUntil(() => looked.length === 64, { timeout: 60_000 })
    await expectRefused(() => call('https://t64.example'), { code: 'DOWN', reason: 'issuers_busy' })
    answer()
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject(unlisted)
    expect(looked).toHaveLength(64)
  })

  it('have separate keys: one cannot sign for another', async () => {
    const other = await createSigner('tenant-key')
    const { origin } = await startIssuers()
    const { authenticator } = withList(() => ({}))
    const forged = await other.sign(personClaims({ iss: `${origin}/acme` }))
    await expectRefused(() => authenticator.authenticate(bearer(forged)), {
      code: 'TOK',
      reason: 'signature',
    })
  })

  it('can be revoked by subject, by the name of the issuer', async () => {
    const { origin } = await startIssuers()
    const { authenticator, call } = withList(() => ({}))
    const identity = await call(`${origin}/acme`)
    await authenticator.revoke({ issuer: `${origin}/acme`, subject: 'jane' })
    await expectRefused(() => call(`${origin}/acme`), { code: 'TOK', reason: 'revoked' })
    expect((await call(`${origin}/globex`)).principal).not.toBe(identity.principal)
  })

  it('leave tokens of other issuers to the sources before them', async () => {
    const own = issuer({
      iss: 'https://own.example',
      audience: resource,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys: { jwks: signer.jwks },
    })
    const looked: string[] = []
    const family = issuers({
      find: (iss) => void looked.push(iss),
      audience: resource,
      kind: 'by-client',
    })
    const authenticator = createAuthenticator({
      resource,
      clock: () => now,
      sources: [direct({ issuer: own }), direct({ issuer: family })],
    })
    const token = bearer(await tokenOf('https://own.example'))
    expect((await authenticator.authenticate(token)).issuer).toBe('https://own.example')
    expect(looked).toEqual([])
  })

  it.each<[object, string]>([
    [{ find: 'table' }, 'find must be a function'],
    [{ audience: undefined }, 'audience must not be undefined'],
    [{ iss: 'https://x.example' }, '"iss" is not an option'],
    [{ listSeconds: 0 }, 'listSeconds must be a whole number from 1 to 3600'],
    [{ maxIssuers: 9 }, 'maxIssuers must be a whole number from 10 to 100000'],
    [{ authorizationServers: 'http://id.example.com' }, 'authorizationServers must use https'],
  ])('have no options %j', (options, message) => {
    const whole = {
      find: () => undefined,
      audience: resource,
      kind: 'by-client',
      ...options,
    } as never
    expect(() => issuers(whole)).toThrow(message)
  })
})

describe('ready()', () => {
  it('loads no issuer of a list at start, and the named ones when asked', async () => {
    const { origin, asked } = await startIssuers()
    const { authenticator } = withList((iss) => (iss.endsWith('/gone') ? undefined : {}))
    await authenticator.ready()
    expect(asked).toEqual([])
    await authenticator.ready([`${origin}/acme`, `${origin}/globex`])
    expect(asked).toHaveLength(4)
    await expect(authenticator.ready(`${origin}/gone`)).rejects.toThrow(
      new TypeError('issuers must be names of issuers of this authenticator'),
    )
  })

  it('says which issuer is out of reach', async () => {
    const { authenticator, events } = withList(() => ({ jwksUri: 'http://127.0.0.1:1/keys' }))
    const down = await thrownBy(() => authenticator.ready('https://id.example.com'))
    expect(down).toMatchObject({ code: 'DOWN', failure: { issuer: 'https://id.example.com' } })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'keys_failed', issuer: 'https://id.example.com' }),
    )
  })
})

describe('10,000 tenants with an issuer each', () => {
  it('start without a request, load an issuer once, and answer a flood of others with none', async () => {
    const { origin, asked } = await startIssuers()
    const table = new Map(
      Array.from({ length: 10_000 }, (_, n) => [
        `${origin}/t${n}`,
        { jwksUri: `${origin}/t${n}/keys` },
      ]),
    )
    const { authenticator, call } = withList(async (iss) => table.get(iss))
    await authenticator.ready()
    expect(asked).toEqual([])
    for (let n = 0; n < 100; n++) await call(`${origin}/t${n * 99}`)
    for (let n = 0; n < 100; n++) await call(`${origin}/t${n * 99}`, { jti: 'another' })
    expect(asked).toHaveLength(100)
    const flood = Array.from({ length: 2_000 }, (_, n) => `${origin}/unknown-${n}`)
    for (const iss of flood) await expectRefused(() => call(iss), unlisted)
    expect(asked).toHaveLength(100)
    // The regulars were not displaced.
    for (let n = 0; n < 100; n++) await call(`${origin}/t${n * 99}`, { jti: 'a third' })
    expect(asked).toHaveLength(100)
  })
})

describe('realms of Keycloak', () => {
  const claims = { typ: 'Bearer', preferred_username: 'jane' }
  const withRealms = (origin: string, realms: TenantList): Authenticator =>
    createAuthenticator({
      resource: 'https://mcp.example.com/o/{organization}/mcp',
      clock: () => now,
      sources: [
        direct({
          issuer: keycloak({
            url: origin,
            realms,
            audience: 'https://mcp.example.com/o/{organization}/mcp',
            algorithms: ['ES256'],
            authorizationServers: `${origin}/realms/{organization}`,
          }),
        }),
      ],
    })
  const request = async (origin: string, realm: string, organization = realm) => ({
    ...bearer(
      await tokenOf(`${origin}/realms/${realm}`, {
        ...claims,
        aud: `https://mcp.example.com/o/${organization}/mcp`,
      }),
    ),
    url: `/o/${organization}/mcp`,
  })

  it.each<[string, TenantList]>([
    ['a list', ['acme', 'globex']],
    ['a function', (realm: string) => ['acme', 'globex'].includes(realm)],
    ['an asynchronous function', async (realm: string) => ['acme', 'globex'].includes(realm)],
  ])('may be %s', async (_case, realms) => {
    const { origin, asked } = await startIssuers()
    const authenticator = withRealms(origin, realms)
    const identity = await authenticator.authenticate(await request(origin, 'acme'))
    expect(identity.issuer).toBe(`${origin}/realms/acme`)
    await expectRefused(
      async () => authenticator.authenticate(await request(origin, 'initech')),
      unlisted,
    )
    expect(asked).toEqual(['/realms/acme/protocol/openid-connect/certs'])
  })

  it.each(['..', '.', 'a/b', 'acme/', 'acme%2f', 'acme?x', ''])(
    'are not recognized in another place: %j',
    async (realm) => {
      const { origin, asked } = await startIssuers()
      const authenticator = withRealms(origin, () => true)
      await expectRefused(
        async () => authenticator.authenticate(await request(origin, realm, 'acme')),
        { code: 'TOK', reason: 'issuer_unknown' },
      )
      expect(asked).toEqual([])
    },
  )

  it('are each the authorization server of their own resource', async () => {
    const { origin } = await startIssuers()
    const { resourceMetadataResponse } = await import('@onbehalf/core/fetch')
    const path = '/.well-known/oauth-protected-resource/o/acme/mcp'
    const published = resourceMetadataResponse(
      new Request(`https://mcp.example.com${path}`),
      withRealms(origin, ['acme']),
    )
    expect(await published?.json()).toMatchObject({
      resource: 'https://mcp.example.com/o/acme/mcp',
      authorization_servers: [`${origin}/realms/acme`],
    })
  })

  it('must be names of realms', () => {
    expect(() => withRealms('https://id.example.com', ['a/b'])).toThrow('realms must list')
  })
})

describe('tenants of Entra ID', () => {
  const acme = '11111111-2222-3333-4444-555555555555'
  const globex = '99999999-2222-3333-4444-555555555555'
  const claims = (tid: string) => ({ tid, oid: 'oid-of-jane', scp: 'invoke', azp: 'agent' })
  const withTenants = (tenants: TenantList, keys = signer.jwks) =>
    createAuthenticator({
      resource,
      clock: () => now,
      sources: [
        direct({
          issuer: entra({
            tenants,
            audience: resource,
            algorithms: ['ES256'],
            keys: { jwks: keys },
          }),
        }),
      ],
    })
  const v2 = (tid: string): string => `https://login.microsoftonline.com/${tid}/v2.0`
  const v1 = (tid: string): string => `https://sts.windows.net/${tid}/`

  it.each<[string, TenantList]>([
    ['a list', [acme]],
    ['a function', async (tid: string) => tid === acme],
  ])('may be %s, under both names of a tenant', async (_case, tenants) => {
    const authenticator = withTenants(tenants)
    for (const iss of [v2(acme), v1(acme)]) {
      const identity = await authenticator.authenticate(bearer(await tokenOf(iss, claims(acme))))
      expect(identity).toMatchObject({ issuer: v2(acme), organization: { id: acme } })
    }
    await expectRefused(
      async () => authenticator.authenticate(bearer(await tokenOf(v2(globex), claims(globex)))),
      unlisted,
    )
  })

  it('are revoked under either name', async () => {
    const authenticator = withTenants([acme])
    await authenticator.revoke({ issuer: v1(acme), subject: 'oid-of-jane' })
    await expectRefused(
      async () => authenticator.authenticate(bearer(await tokenOf(v2(acme), claims(acme)))),
      { code: 'TOK', reason: 'revoked' },
    )
  })

  it('cannot speak for one another', async () => {
    const authenticator = withTenants([acme, globex])
    await expectRefused(
      async () => authenticator.authenticate(bearer(await tokenOf(v2(acme), claims(globex)))),
      { code: 'TOK', reason: 'required_claim' },
    )
    const [key] = signer.jwks.keys as [object]
    const owned = { keys: [{ ...key, issuer: v2(globex) }] }
    await expectRefused(
      async () =>
        withTenants([acme, globex], owned as never).authenticate(
          bearer(await tokenOf(v2(acme), claims(acme))),
        ),
      { code: 'TOK', reason: 'key_issuer' },
    )
  })

  it.each([
    'https://login.microsoftonline.com/common/v2.0',
    `https://login.microsoftonline.com.evil.example/${acme}/v2.0`,
    `https://evil.example/${acme}/v2.0`,
    `https://login.microsoftonline.com/${acme}/v2.0/`,
    `https://login.microsoftonline.us/${acme}/v2.0`,
    `https://login.microsoftonline.com/${acme.toUpperCase()}/x`,
  ])('are not recognized in %s', async (iss) => {
    const authenticator = withTenants(() => true)
    await expectRefused(
      async () => authenticator.authenticate(bearer(await tokenOf(iss, claims(acme)))),
      { code: 'TOK', reason: 'issuer_unknown' },
    )
  })

  it('share the keys of their cloud: tokens of other tenants lead nowhere', async () => {
    const asked: string[] = []
    const fetch = (async (url: URL) => {
      asked.push(String(url))
      return Response.json(signer.jwks)
    }) as unknown as typeof globalThis.fetch
    const tenants = Array.from(
      { length: 50 },
      (_, n) => `${String(n).padStart(8, '0')}-2222-3333-4444-555555555555`,
    )
    const authenticator = createAuthenticator({
      resource,
      clock: () => now,
      sources: [
        direct({ issuer: entra({ tenants, audience: resource, algorithms: ['ES256'], fetch }) }),
      ],
    })
    await authenticator.ready()
    for (const tid of tenants) {
      await authenticator.authenticate(bearer(await tokenOf(v2(tid), claims(tid))))
    }
    await expectRefused(
      async () => authenticator.authenticate(bearer(await tokenOf(v2(globex), claims(globex)))),
      unlisted,
    )
    expect(asked).toEqual(['https://login.microsoftonline.com/organizations/discovery/v2.0/keys'])
  })

  it('must be ids of directories', () => {
    expect(() => withTenants(['common'])).toThrow('tenants must list the GUID of one directory')
    expect(() => withTenants([])).toThrow('tenants must name at least one')
    expect(() => withTenants(undefined as never)).toThrow(TypeError)
  })
})
