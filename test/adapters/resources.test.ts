import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { adapters, type Mount, type Seen } from './support/adapters.ts'
import { sendLines, serve } from './support/http.ts'
import { people } from './support/identities.ts'

const origin = 'https://mcp.example.com'
const template = `${origin}/o/{organization}/mcp`
const at = (organization: string): string => `${origin}/o/${organization}/mcp`
const metadataAt = (organization: string): string =>
  `${origin}/.well-known/oauth-protected-resource/o/${organization}/mcp`

const authenticator = createAuthenticator({
  resource: [template, `${origin}/admin`],
  sources: [
    direct({
      issuer: issuer({
        iss: people.issuer,
        audience: [template, `${origin}/admin`],
        kind: 'by-client',
        algorithms: ['ES256'],
        keys: { jwks: people.jwks },
      }),
    }),
  ],
})

async function headersFor(aud: string): Promise<Record<string, string>> {
  const token = await people.mint({ sub: 'ada', aud, client_id: 'agent', org_id: 'acme' })
  return { authorization: `Bearer ${token}` }
}

describe.each(adapters)('resources by path on $name', ({ mount }) => {
  it('publish their own metadata, each at its own path', async () => {
    const { get } = await start(mount)
    for (const organization of ['acme', 'beta']) {
      const response = await get(new URL(metadataAt(organization)).pathname)
      expect(await response.json()).toMatchObject({ resource: at(organization) })
    }
    const admin = await get('/.well-known/oauth-protected-resource/admin')
    expect(await admin.json()).toMatchObject({ resource: `${origin}/admin` })
  })

  it.each([
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/oauth-protected-resource/o/a%2Fb/mcp',
    '/.well-known/oauth-protected-resource/o/{organization}/mcp',
    '/.well-known/oauth-protected-resource/o/acme/mcp/',
  ])('publish nothing at %s', async (path) => {
    const { url, seen } = await start(mount)
    const answer = await sendLines(url, [`GET ${path} HTTP/1.1`])
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).not.toContain('"resource"')
    expect(seen).toEqual([])
  })

  it('lead a caller without a token to the metadata of the path, whatever the host', async () => {
    const { url } = await start(mount)
    const answer = await sendLines(url, [
      'POST /o/acme/mcp HTTP/1.1',
      'x-forwarded-host: evil.example',
      'content-length: 0',
    ])
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
    expect(answer).toContain(`resource_metadata="${metadataAt('acme')}"`)
    expect(answer).not.toContain('evil.example"')
  })

  it('admit a token at the path that it is for', async () => {
    const { get, seen } = await start(mount)
    const response = await get('/o/acme/mcp', await headersFor(at('acme')))
    expect(response.status).toBe(200)
    expect(seen).toMatchObject([
      { identity: { subject: 'ada', resource: { id: at('acme'), organization: 'acme' } } },
    ])
    const [{ authInfo } = {}] = seen
    expect(authInfo).toMatchObject({ resourceMetadataUrl: metadataAt('acme') })
    expect(String((authInfo as { resource: URL }).resource)).toBe(at('acme'))
  })

  it('answer it elsewhere with 401 and the metadata of that other resource', async () => {
    const { get, seen } = await start(mount)
    const headers = await headersFor(at('acme'))
    const beta = await get('/o/beta/mcp', headers)
    expect(beta.status).toBe(401)
    expect(beta.headers.get('www-authenticate')).toContain(
      `error="invalid_token", error_description="The access token was refused", resource_metadata="${metadataAt('beta')}"`,
    )
    const admin = await get('/admin', headers)
    expect(admin.headers.get('www-authenticate')).toContain(
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/admin"`,
    )
    expect(seen).toEqual([])
  })

  it('refuse a path that is none of them, and name no metadata', async () => {
    const { get, seen } = await start(mount)
    const response = await get('/mcp', await headersFor(at('acme')))
    expect(response.status).toBe(404)
    expect(response.headers.get('www-authenticate')).toBeNull()
    expect(seen).toEqual([])
  })
})

// What a web server normalizes, it also routes by; a raw target is compared as it was sent.
describe.each(adapters.filter(({ isRaw }) => isRaw))('a raw path on $name', ({ mount }) => {
  it.each(['/o/acme/../beta/mcp', '/o/acme/%2e%2e/beta/mcp', '/o/acme%2Fmcp', '//o/acme/mcp'])(
    'is not a resource: %s',
    async (path) => {
      const { url, seen } = await start(mount)
      const { authorization = '' } = await headersFor(at('acme'))
      const lines = [`GET ${path} HTTP/1.1`, `authorization: ${authorization}`]
      expect(await sendLines(url, lines)).toMatch(/^HTTP\/1\.1 404 /)
      expect(seen).toEqual([])
    },
  )
})

async function start(mount: Mount) {
  const seen: Seen[] = []
  const url = await serve(await mount({ authenticator, handle: (caller) => seen.push(caller) }))
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(new URL(path, url), { headers })
  return { url, seen, get }
}
