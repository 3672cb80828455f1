import {
  type Authenticator,
  type Claims,
  createAuthenticator,
  direct,
  dpop,
  enriched,
  firstOf,
  forwarded,
  type Identity,
  isIdentityError,
  memoryStore,
  plainHeaders,
  sharedSecret,
} from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import { beforeAll, describe, expect, it } from 'vitest'
import { createHolder, dpopHeaders } from '../proof-of-possession/holder.ts'
import { expectRefused, thrownBy } from '../support/expect-refused.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  createRecorder,
  gatewayClient,
  type Party,
} from '../support/world.ts'

const template = 'https://mcp.example.com/o/{organization}/mcp'
const at = (organization: string): string => `https://mcp.example.com/o/${organization}/mcp`

let people: Party
let gateway: Party
beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

function withResource(resource: string | readonly string[], audience = template): Authenticator {
  return createAuthenticator({
    resource,
    clock,
    sources: [
      direct({
        issuer: people.issuer({ audience, claimMap: { organization: firstOf('org_id', 'orgs') } }),
      }),
    ],
  })
}

describe('the resources of a server', () => {
  it.each([
    'https://{organization}.example.com/mcp',
    'https://mcp.example.com/{organization}/o/{organization}',
    'https://mcp.example.com/o/{tenant}/mcp',
    'https://mcp.example.com/o/x{organization}/mcp',
    'https://mcp.example.com/o/{organization}/mcp/',
    'https://mcp.example.com/o//{organization}/mcp',
    'https://mcp.example.com/o/../{organization}/mcp',
    'https://mcp.example.com/o/%2e%2e/{organization}',
    'https://mcp.example.com/o%2F{organization}/mcp',
    'https://mcp.example.com/o/{organization}/mcp?of={organization}',
    'https://mcp.example.com/{organization}?a=b',
    'https://MCP.example.com/o/{organization}/mcp',
    'https://mcp.example.com:443/o/{organization}/mcp',
    'https://mcp.example.com\\o\\{organization}',
    `https://mcp.example.com/${'a'.repeat(1024)}/{organization}`,
    'https://mcp.example.com/o/{organization',
  ])('must not be %s', (resource) => {
    expect(() => withResource(resource, 'https://audience.example')).toThrow(
      "for example 'https://mcp.example.com/o/{organization}/mcp'",
    )
  })

  it.each([
    ['http://mcp.example.com/o/{organization}/mcp', 'resource must use https'],
    ['https://me@mcp.example.com/o/{organization}/mcp', 'must not carry user information'],
    ['https://mcp.example.com/o/{organization}/mcp#x', 'a fragment'],
    ['/o/{organization}/mcp', 'resource must be an absolute URL'],
  ])('must not be %s', (resource, message) => {
    expect(() => withResource(resource)).toThrow(message)
  })

  it.each<[readonly string[], string]>([
    [[], 'resource must name at least one'],
    [['https://mcp.example.com'], 'with a path'],
    [['https://a.example.com/mcp', 'https://b.example.com/mcp'], 'one scheme, host and port'],
    [['https://a.example.com/one', 'https://b.example.com/two'], 'one scheme, host and port'],
    [['https://a.example.com/mcp', 'https://a.example.com/mcp'], 'are for the same path'],
    [['https://a.example.com/o/acme', 'https://a.example.com/o/{organization}'], 'same path'],
    [['https://a.example.com/{organization}/x', 'https://a.example.com/o/{organization}'], 'same'],
  ])('must not be the list %j', (resource, message) => {
    expect(() => withResource(resource, 'https://audience.example')).toThrow(message)
  })

  it('must include every template that an issuer has as its audience', () => {
    expect(() => withResource('https://mcp.example.com/mcp', template)).toThrow(
      `audience '${template}' is a template that is not a resource of this server`,
    )
  })

  it('may be 10,000, and are distinguished by their paths', async () => {
    const all = Array.from({ length: 10_000 }, (_, n) => `https://mcp.example.com/t${n}/mcp`)
    const authenticator = withResource(all, all[9_999])
    const token = await people.token({ aud: all[9_999] })
    const { resource } = await authenticator.authenticate({ ...bearer(token), url: '/t9999/mcp' })
    expect(resource).toEqual({ id: all[9_999] })
  })
})

describe('a resource for each organization', () => {
  const call = async (aud: unknown, url: string, claims = {}): Promise<Identity> =>
    withResource(template).authenticate({ ...bearer(await people.token({ aud, ...claims })), url })

  it('accepts a token for the resource at the path, and says which organization that is', async () => {
    expect(await call(at('acme'), '/o/acme/mcp?session=1')).toMatchObject({
      subject: 'jane',
      resource: { id: at('acme'), organization: 'acme' },
    })
  })

  it.each([
    ['a path', '/o/acme/mcp'],
    ['a web URL of any host', 'https://evil.example/o/acme/mcp'],
  ])('looks at the path alone of %s', async (_case, url) => {
    expect((await call(at('acme'), url)).resource?.id).toBe(at('acme'))
    await expectRefused(() => call('https://evil.example/o/acme/mcp', url), {
      code: 'TOK',
      reason: 'audience',
    })
  })

  it.each([
    ['another organization', at('beta')],
    ['all of them', template],
    ['a part of the path', 'https://mcp.example.com/o/acme'],
    ['a longer path', `${at('acme')}/`],
    ['another spelling', at('ACME')],
  ])('refuses a token for %s, and leads to the resource of the path', async (_case, aud) => {
    const error = await thrownBy(() => call(aud, '/o/acme/mcp'))
    expect(error).toMatchObject({ code: 'TOK', reason: 'audience' })
    expect(error).toMatchObject({ resource: { id: at('acme'), organization: 'acme' } })
  })

  it.each([
    '/mcp',
    '/o/mcp',
    '/o//mcp',
    '/o/acme/mcp/',
    '/o/acme/mcp/more',
    '/x/o/acme/mcp',
    '//o/acme/mcp',
    '/o/../o/acme/mcp',
    '/o/./mcp',
    '/o/../mcp',
    '/o/a%2Fb/mcp',
    '/o/a/b/mcp',
    '/o/%61cme/mcp',
    '/o/ac me/mcp',
    '/o/acme;x/mcp',
    '/o/acmé/mcp',
    '/o/{organization}/mcp',
    `/o/${'a'.repeat(129)}/mcp`,
    '/O/acme/mcp',
    '\\o\\acme\\mcp',
    '?/o/acme/mcp',
    '#/o/acme/mcp',
    'o/acme/mcp',
    'ftp://mcp.example.com/o/acme/mcp',
    '',
    undefined,
  ])('refuses a request to %s, whatever its token', async (url) => {
    const authenticator = withResource(template)
    const token = await people.token({ aud: at('acme') })
    await expectRefused(
      () => authenticator.authenticate({ ...bearer(token), url }),
      { code: 'SESS', reason: 'resource_unknown' },
      token,
    )
  })

  it('takes names of up to 128 characters', async () => {
    const name = `a.b_c~d-${'e'.repeat(120)}`
    expect((await call(at(name), `/o/${name}/mcp`)).resource?.organization).toBe(name)
  })

  it('never gives a verdict of one path for another', async () => {
    const authenticator = withResource(template)
    const token = await people.token({ aud: [at('acme'), at('beta')] })
    const ask = (organization: string) =>
      authenticator.authenticate({ ...bearer(token), url: `/o/${organization}/mcp` })
    const seen = await Promise.all(['acme', 'beta', 'acme', 'beta'].map(ask))
    expect(seen.map(({ resource }) => resource?.organization)).toEqual([
      'acme',
      'beta',
      'acme',
      'beta',
    ])
    await expectRefused(() => ask('gamma'), { code: 'TOK', reason: 'audience' })
    await expectRefused(() => ask('gamma'), { code: 'TOK', reason: 'audience' })
  })

  it('reports which resource a request was for', async () => {
    const { events, onEvent } = createRecorder()
    const authenticator = createAuthenticator({
      resource: template,
      clock,
      onEvent,
      sources: [direct({ issuer: people.issuer({ audience: template }) })],
    })
    const request = { ...bearer(await people.token({ aud: at('acme') })) }
    await authenticator.authenticate({ ...request, url: '/o/acme/mcp' })
    await thrownBy(() => authenticator.authenticate({ ...request, url: '/o/beta/mcp' }))
    const decided = events.filter(({ type }) => type === 'accepted' || type === 'refused')
    expect(decided).toMatchObject([
      { type: 'accepted', resource: { id: at('acme'), organization: 'acme' } },
      { type: 'refused', reason: 'audience', resource: { id: at('beta'), organization: 'beta' } },
    ])
  })

  it('tells MCP SDKs which resource it was for', async () => {
    const authenticator = withResource(template)
    const identity = await call(at('acme'), '/o/acme/mcp')
    const info = createAuthInfo(identity, authenticator)
    expect([info.resource.href, info.resourceMetadataUrl]).toEqual([
      at('acme'),
      'https://mcp.example.com/.well-known/oauth-protected-resource/o/acme/mcp',
    ])
  })

  it('has DPoP proofs name the URL of the resource at the path', async () => {
    const authenticator = createAuthenticator({
      resource: template,
      clock,
      confirmations: [dpop({ store: memoryStore() })],
      sources: [direct({ issuer: people.issuer({ audience: template }) })],
    })
    const holder = await createHolder()
    const token = await people.token({ aud: at('acme'), cnf: { jkt: holder.jkt } })
    const call = (htu: string) => {
      const headers = dpopHeaders(token, holder.proof(token, { claims: { htu } }))
      return authenticator.authenticate({ headers, method: 'POST', url: '/o/acme/mcp' })
    }
    expect((await call(at('acme'))).subject).toBe('jane')
    await expectRefused(() => call(at('beta')), { code: 'TOK', reason: 'dpop_htu' })
  })
})

describe('an audience that all organizations share', () => {
  const shared = 'api://invoices'
  const call = async (claims: object, url = '/o/acme/mcp', audience = shared) =>
    withResource(template, audience).authenticate({
      ...bearer(await people.token({ aud: shared, ...claims })),
      url,
    })

  it.each([[{ org_id: 'acme' }], [{ orgs: ['beta', 'acme'] }]])(
    'serves callers of the organization in the path: %j',
    async (claims) => {
      expect((await call(claims)).resource?.organization).toBe('acme')
    },
  )

  it.each([[{}], [{ org_id: 'beta' }], [{ org_id: 'ACME' }], [{ orgs: ['beta', 'gamma'] }]])(
    'refuses callers of any other: %j',
    async (claims) => {
      await expectRefused(() => call(claims), { code: 'TOK', reason: 'resource_organization' })
    },
  )

  it('is not the resource of another organization, even if an issuer states that', async () => {
    await expectRefused(() => call({ aud: at('beta') }, '/o/acme/mcp', at('beta')), {
      code: 'TOK',
      reason: 'audience',
    })
    expect((await call({ aud: at('beta') }, '/o/beta/mcp', at('beta'))).subject).toBe('jane')
  })

  it('is as good as the next one where no resource has an organization', async () => {
    const list = ['https://mcp.example.com/one', 'https://mcp.example.com/two']
    const authenticator = withResource(list, shared)
    const token = await people.token({ aud: shared })
    for (const url of ['/one', '/two']) {
      expect((await authenticator.authenticate({ ...bearer(token), url })).resource).toEqual({
        id: `https://mcp.example.com${url}`,
      })
    }
  })
})

describe('a list of resources', () => {
  const one = 'https://mcp.example.com/one'
  const two = 'https://mcp.example.com/two'

  it('takes a token for one of them at its path alone', async () => {
    const authenticator = createAuthenticator({
      resource: [one, two],
      clock,
      sources: [direct({ issuer: people.issuer({ audience: [one, two] }) })],
    })
    const token = await people.token({ aud: one })
    expect((await authenticator.authenticate({ ...bearer(token), url: '/one' })).subject).toBe(
      'jane',
    )
    await expectRefused(() => authenticator.authenticate({ ...bearer(token), url: '/two' }), {
      code: 'TOK',
      reason: 'audience',
    })
  })
})

describe('a gateway at the path of an organization', () => {
  const userHeader = 'x-user-token'
  const request = async (user: Claims, machine: Claims = {}) => ({
    ...bearer(await gateway.token({ aud: 'api://gateway', ...machine }), {
      [userHeader]: await people.token(user),
    }),
    url: '/o/acme/mcp',
  })
  const forwarding = () =>
    createAuthenticator({
      resource: template,
      clock,
      sources: [
        forwarded({
          header: userHeader,
          issuer: people.issuer({ audience: template }),
          gateway: gateway.issuer({ audience: ['api://gateway', template] }),
          bind: 'audience',
        }),
      ],
    })

  it('forwards users with tokens for its resource', async () => {
    const identity = await forwarding().authenticate(await request({ aud: at('acme') }))
    expect(identity).toMatchObject({ subject: 'jane', resource: { organization: 'acme' } })
  })

  it('cannot bring a user to another organization, whatever its own token is for', async () => {
    const refused = { code: 'TOK', reason: 'audience' } as const
    const other = await request({ aud: at('beta') }, { aud: at('acme') })
    await expectRefused(() => forwarding().authenticate(other), refused)
    const swapped = await request({ aud: at('acme') }, { aud: at('beta') })
    await expectRefused(() => forwarding().authenticate(swapped), refused)
  })

  it('names users inside a token for the resource', async () => {
    const authenticator = createAuthenticator({
      resource: template,
      clock,
      sources: [
        enriched({
          issuer: gateway.issuer({ audience: [template, 'api://gateway'] }),
          userClaim: 'onBehalfOf',
        }),
      ],
    })
    const call = async (aud: string, organization?: string) => {
      const onBehalfOf = { sub: 'jane', ...(organization && { organization }) }
      const headers = bearer(await gateway.token({ aud, onBehalfOf }))
      return authenticator.authenticate({ ...headers, url: '/o/acme/mcp' })
    }
    expect(await call(at('acme'))).toMatchObject({
      subject: 'jane',
      gateway: { client: gatewayClient },
    })
    expect((await call('api://gateway', 'acme')).subject).toBe('jane')
    const refused = { code: 'TOK', reason: 'resource_organization' } as const
    await expectRefused(() => call('api://gateway', 'beta'), refused)
  })

  it('names users of that organization alone in plain headers', async () => {
    const authenticator = createAuthenticator({
      resource: template,
      clock,
      sources: [
        plainHeaders({
          headers: { subject: 'x-user', organization: 'x-org' },
          iss: 'https://proxy.example',
          proof: sharedSecret({ header: 'x-secret', secret: 's'.repeat(32) }),
        }),
      ],
    })
    const call = (organization: string) =>
      authenticator.authenticate({
        headers: { 'x-user': 'jane', 'x-org': organization, 'x-secret': 's'.repeat(32) },
        url: '/o/acme/mcp',
      })
    expect((await call('acme')).subject).toBe('jane')
    const refused = { code: 'TOK', reason: 'resource_organization' } as const
    await expectRefused(() => call('beta'), refused)
  })
})

it('leaves a server with one resource as it was', async () => {
  const authenticator = withResource('https://mcp.example.com/mcp', 'https://mcp.example.com/mcp')
  const token = await people.token()
  const identity = await authenticator.authenticate({ ...bearer(token), url: '/anywhere' })
  expect([authenticator.resourceOf, 'resource' in identity]).toEqual([undefined, false])
  const error = await thrownBy(() => authenticator.authenticate({ headers: {} }))
  expect(isIdentityError(error) && error.resource).toBeUndefined()
})
