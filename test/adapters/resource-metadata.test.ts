import { createAuthenticator, direct } from '@onbehalf/core'
import { authenticate, resourceMetadata } from '@onbehalf/express'
import { createTokenMinter } from '@onbehalf/testing'
import { describe, expect, it } from 'vitest'
import { frameworks } from './frameworks.ts'
import { sendLines, serve } from './http.ts'
import { metadataUrl, people, resource, trusted } from './identities.ts'

const partners = await createTokenMinter({ issuer: 'https://partners.example', alg: 'ES256' })
const authenticator = createAuthenticator({
  resource,
  sources: [
    direct({ issuer: trusted(people, { scopes: 'mcp:read' }) }),
    direct({ issuer: trusted(partners) }),
  ],
})
const path = new URL(metadataUrl).pathname
const metadata = {
  resource,
  authorization_servers: ['https://people.example', 'https://partners.example'],
  scopes_supported: ['mcp:read'],
  bearer_methods_supported: ['header'],
}

describe.each(frameworks)('resourceMetadata on %s', (_name, framework) => {
  it('tells every authorization server to anyone', async () => {
    const response = await get(path)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(metadata)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cache-control': 'public, max-age=3600',
    })
  })

  it('answers whatever the query', async () => {
    expect((await get(`${path}?v=1`)).status).toBe(200)
  })

  it('answers HEAD with the headers of GET and no body', async () => {
    const response = await get(path, { method: 'HEAD' })
    const length = String(JSON.stringify(metadata).length)
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(response.headers.get('content-length')).toBe(length)
    expect(response.headers.get('content-type')).toBe('application/json')
  })

  it('lets a browser ask first', async () => {
    const response = await get(path, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://client.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'mcp-protocol-version',
      },
    })
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': '*',
    })
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])(
    'refuses %s and says what is allowed',
    async (method) => {
      const response = await get(path, { method })
      expect([response.status, await response.text()]).toEqual([405, ''])
      expect(response.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    },
  )

  it.each([
    `/mcp?x=${path}`,
    `/mcp?${path}`,
    `${path}/`,
    `${path}/more`,
    `/${path}`,
    `/x/..${path}`,
    path.replace('/mcp', ''),
    path.replace('well', '%77ell'),
    path.toUpperCase(),
    `${path};x`,
    '/mcp#/.well-known/oauth-protected-resource/mcp',
    `http://elsewhere.example${path}`,
  ])('leaves %s to the next handler', async (target) => {
    const answer = await sendLines(await start(), [`GET ${target} HTTP/1.1`])
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('answers the exact path on a raw connection too', async () => {
    const answer = await sendLines(await start(), [`GET ${path} HTTP/1.1`])
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('goes by the path as it was sent where it is mounted below one', async () => {
    const app = framework()
    app.use('/.well-known', resourceMetadata(authenticator))
    app.use((_req, res) => void res.status(404).end())
    const url = await serve(app)
    expect((await fetch(new URL(path, url))).status).toBe(200)
    expect((await fetch(new URL(`/.well-known${path}`, url))).status).toBe(404)
  })

  it('stands at the root for a resource without a path', async () => {
    const root = createAuthenticator({
      resource: 'https://mcp.example.com',
      sources: [direct({ issuer: trusted(people) })],
    })
    const app = framework()
    app.use(resourceMetadata(root))
    const url = await serve(app)
    const response = await fetch(new URL('/.well-known/oauth-protected-resource', url))
    expect(await response.json()).toMatchObject({ resource: 'https://mcp.example.com' })
  })

  it('is where the challenge of a refusal points to', async () => {
    const refused = await get('/mcp')
    const challenge = refused.headers.get('www-authenticate')
    const told = /resource_metadata="([^"]+)"/.exec(challenge ?? '')?.[1]
    expect(told).toBe(metadataUrl)
    expect((await get(new URL(told ?? '').pathname)).status).toBe(200)
  })

  async function start(): Promise<URL> {
    const app = framework()
    app.use(resourceMetadata(authenticator))
    app.use(authenticate(authenticator))
    return serve(app)
  }

  async function get(target: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(target, await start()), init)
  }
})
