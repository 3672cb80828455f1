import { type Authenticator, createAuthenticator, direct } from '@onbehalf/core'
import { createTokenMinter } from '@onbehalf/testing'
import { describe, expect, it } from 'vitest'
import { adapters, type Mount } from './support/adapters.ts'
import { sendLines, serve } from './support/http.ts'
import { metadataUrl, people, resource, trusted } from './support/identities.ts'

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

describe.each(adapters)('the resource metadata on $name', ({ mount }) => {
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
    `${path.replace('/mcp', '')}/`,
    path.replace('/mcp', '/other'),
    path.replace('well', '%77ell'),
    path.toUpperCase(),
    `${path};x`,
    '/mcp#/.well-known/oauth-protected-resource/mcp',
  ])('leaves %s to the next handler', async (target) => {
    const answer = await sendLines(await start(mount), [`GET ${target} HTTP/1.1`])
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('answers the exact path on a raw connection too', async () => {
    const answer = await sendLines(await start(mount), [`GET ${path} HTTP/1.1`])
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('is at the root too, for clients that look there alone', async () => {
    const response = await get('/.well-known/oauth-protected-resource')
    expect(await response.json()).toEqual(metadata)
  })

  it('is at the root for a resource without a path', async () => {
    const root = createAuthenticator({
      resource: 'https://mcp.example.com',
      sources: [direct({ issuer: trusted(people) })],
    })
    const url = await start(mount, root)
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

  async function get(target: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(target, await start(mount)), init)
  }
})

// A web server makes a URL of the target, and that names the same path where the target did not.
describe.each(adapters.filter(({ isRaw }) => isRaw))('the raw target on $name', ({ mount }) => {
  it.each([`/x/..${path}`, `http://elsewhere.example${path}`])(
    'is compared as it was sent: %s',
    async (target) => {
      const answer = await sendLines(await start(mount), [`GET ${target} HTTP/1.1`])
      expect(answer).toMatch(/^HTTP\/1\.1 401 /)
    },
  )
})

async function start(mount: Mount, published: Authenticator = authenticator): Promise<URL> {
  const handle = (): void => expect.unreachable('no request has a credential')
  return serve(await mount({ authenticator: published, handle }))
}
