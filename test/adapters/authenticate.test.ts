import { once } from 'node:events'
import { createServer } from 'node:http'
import { createAuthenticator, direct, type IdentityError, issuer } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { describe, expect, it } from 'vitest'
import { failOnUnhandled } from '../security/support/unhandled.ts'
import { adapters, type Seen, type Site } from './support/adapters.ts'
import { sendLines, serve } from './support/http.ts'
import {
  adasHeaders,
  adasToken,
  authenticator,
  forwardedHeaders,
  metadataUrl,
  people,
  resource,
  trusted,
} from './support/identities.ts'
import { nextWarning } from './support/warnings.ts'

const scopedMetadata = `scope="mcp:read", resource_metadata="${metadataUrl}"`
const missing = `Bearer ${scopedMetadata}`
const invalidToken = `Bearer error="invalid_token", error_description="The access token was refused", ${scopedMetadata}`

failOnUnhandled()

describe.each(adapters)('authenticate on $name', ({ mount, isRaw }) => {
  describe('a verified identity', () => {
    it('reaches the handler, and as the record that MCP SDKs carry', async () => {
      const { url, seen } = await start()
      const response = await post(url, await adasHeaders())
      expect(response.status).toBe(200)
      const [{ identity, authInfo } = {}] = seen
      expect(identity).toMatchObject({
        kind: 'user',
        issuer: 'https://people.example',
        subject: 'ada',
        organization: { id: 'acme', roles: [] },
        source: 'direct',
      })
      expect(identityOfAuthInfo(authInfo)).toBe(identity)
      expect(authInfo).toEqual({
        token: '',
        clientId: 'agent',
        scopes: ['mcp:read'],
        expiresAt: identity?.expiresAt,
        resource: new URL(resource),
        resourceMetadataUrl: metadataUrl,
        extra: { iss: 'https://people.example', sub: 'ada', org: 'acme' },
      })
    })

    it('names the user whose token a gateway forwarded', async () => {
      const { url, seen } = await start()
      const headers = await forwardedHeaders(await adasToken({ client_id: 'gateway-client' }))
      expect((await post(url, headers)).status).toBe(200)
      expect(seen[0]?.identity).toMatchObject({
        subject: 'ada',
        source: 'forwarded',
        gateway: { issuer: 'https://gateway.example', client: 'gateway-client' },
      })
    })

    it('replaces what other code had put where MCP SDKs look', async () => {
      const { url, seen } = await start({ forged: { clientId: 'forged', extra: { sub: 'root' } } })
      await post(url, await adasHeaders())
      expect(seen[0]?.identity?.subject).toBe('ada')
      expect(seen[0]?.authInfo).toMatchObject({ clientId: 'agent', extra: { sub: 'ada' } })
    })

    it('is that of its own request, whatever calls run at the same time', async () => {
      const { url, seen } = await start()
      const callers = ['ada', 'bob', 'cid', 'dan', 'eve']
      const headers = await Promise.all(callers.map((sub) => adasHeaders({ sub })))
      await Promise.all(headers.map((own) => post(url, own)))
      const subjects = seen.map(({ identity }) => identity?.subject)
      expect(new Set(subjects)).toEqual(new Set(callers))
      for (const { identity, authInfo } of seen) {
        expect(identityOfAuthInfo(authInfo)).toBe(identity)
      }
    })
  })

  describe('a refusal', () => {
    it('is 401 without an error code when there is no credential', async () => {
      const refused = await refusal({})
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe(missing)
      expect(refused.headers.get('cache-control')).toBe('no-store')
      expect(await refused.json()).toEqual(rpcError(31_401, 'Authentication required'))
    })

    it('is 401 without an error code for another scheme', async () => {
      const refused = await refusal({ authorization: 'Basic YWRhOnNlY3JldA==' })
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe(missing)
    })

    it('is 401 invalid_token for a token that fails a rule', async () => {
      const refused = await refusal(await adasHeaders({ aud: 'https://other.example/mcp' }))
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe(invalidToken)
      expect(await refused.json()).toEqual({
        error: 'invalid_token',
        error_description: 'The access token was refused',
      })
    })

    it('is 401 invalid_token when the user is not bound to the gateway', async () => {
      const refused = await refusal(await forwardedHeaders(await adasToken()))
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe(
        `Bearer error="invalid_token", error_description="The access token was refused", ${scopedMetadata}`,
      )
    })

    it('is 403 insufficient_scope, naming the scopes, for a token that lacks them', async () => {
      const refused = await refusal(await adasHeaders({ scope: 'mcp:other' }))
      expect(refused.status).toBe(403)
      expect(refused.headers.get('www-authenticate')).toBe(
        `Bearer error="insufficient_scope", error_description="The access token lacks a required scope", ${scopedMetadata}`,
      )
    })

    it('is 400 for two Authorization lines, even when they are equal', async () => {
      const { url, seen } = await start()
      const line = `authorization: Bearer ${await adasToken()}`
      const answer = await sendLines(url, ['POST /mcp HTTP/1.1', line, line, 'content-length: 0'])
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(answer).toContain('www-authenticate: Bearer error="invalid_request", ')
      expect(seen).toEqual([])
    })

    it('is 400 for a user token that a gateway sent twice', async () => {
      const { url, seen } = await start()
      const token = await adasToken({ client_id: 'gateway-client' })
      const { authorization } = await forwardedHeaders(token)
      const lines = [
        `authorization: ${authorization}`,
        ...[1, 2].map(() => `x-user-token: ${token}`),
      ]
      const answer = await sendLines(url, ['POST /mcp HTTP/1.1', ...lines, 'content-length: 0'])
      expect(answer).toMatch(/^HTTP\/1\.1 400 /)
      expect(seen).toEqual([])
    })

    it('is 400 for a token in the query', async () => {
      const { url, seen } = await start()
      const target = new URL(`/mcp?access_token=${await adasToken()}`, url)
      const refused = await fetch(target, { method: 'POST', headers: await adasHeaders() })
      expect(refused.status).toBe(400)
      expect(seen).toEqual([])
    })

    it('is 503 with Retry-After and no challenge when keys are unavailable', async () => {
      const { url, seen } = await start({ authenticator: await authenticatorWithoutKeys() })
      const refused = await post(url, await adasHeaders())
      expect(refused.status).toBe(503)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(refused.headers.get('www-authenticate')).toBeNull()
      expect(await refused.json()).toEqual(
        rpcError(31_503, 'The request cannot be served right now'),
      )
      expect(seen).toEqual([])
    })

    it('has no body for HEAD', async () => {
      const { url } = await start()
      const refused = await fetch(new URL('/mcp', url), { method: 'HEAD' })
      expect([refused.status, await refused.text()]).toEqual([401, ''])
    })

    it('holds for every path and method behind it', async () => {
      const { url, seen } = await start()
      for (const path of ['/mcp?x=/health', '/mcp/', '//mcp', '/%6dcp', '/health', '/mcp;x']) {
        for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
          expect((await fetch(new URL(url.origin + path), { method })).status).toBe(401)
        }
      }
      expect(seen).toEqual([])
    })
  })

  describe('an unexpected failure', () => {
    it('in the clock refuses', async () => {
      const broken = createAuthenticator({
        resource,
        sources: [direct({ issuer: trusted(people) })],
        clock: () => {
          throw new Error('no clock')
        },
      })
      const { url, seen } = await start({ authenticator: broken })
      expect((await post(url, await adasHeaders())).status).toBe(503)
      expect(seen).toEqual([])
    })

    it('in a later handler goes to the error handler of the application', async () => {
      const failures: unknown[] = []
      const { url, refusals } = await start({
        handle: () => {
          throw new Error('handler failed')
        },
        failed: (error) => void failures.push(error),
      })
      expect((await post(url, await adasHeaders())).status).toBe(500)
      expect(failures).toEqual([new Error('handler failed')])
      expect(refusals).toEqual([])
    })
  })

  it('survives a client that hung up while keys were loaded', async () => {
    const keys = await slowKeyServer()
    const { url, refusals } = await start({ authenticator: keys.authenticator })
    const hangUp = new AbortController()
    const call = post(url, await adasHeaders(), hangUp.signal)
    await keys.asked
    hangUp.abort()
    await expect(call).rejects.toThrow('aborted')
    keys.fail()
    await expect.poll(() => refusals.length).toBe(1)
    expect((await post(url, {})).status).toBe(401)
  })

  describe('onRefusal', () => {
    it('is notified why, and which request', async () => {
      const { url, refusals } = await start()
      await post(url, await adasHeaders({ aud: 'https://other.example/mcp' }))
      expect(refusals).toEqual([{ code: 'TOK', reason: 'audience', url: '/mcp' }])
    })

    it('gets nothing about an admitted request', async () => {
      const { url, refusals } = await start()
      await post(url, await adasHeaders())
      expect(refusals).toEqual([])
    })

    it('is notified of an unexpected failure as an internal error', async () => {
      const broken = createAuthenticator({
        resource,
        sources: [direct({ issuer: trusted(people) })],
        clock: () => {
          throw new Error('no clock')
        },
      })
      const { url, refusals } = await start({ authenticator: broken })
      await post(url, await adasHeaders())
      expect(refusals).toEqual([{ code: 'DOWN', reason: 'internal_error', url: '/mcp' }])
    })

    it.each([
      [
        'throws',
        () => {
          throw new Error('observer failed')
        },
      ],
      ['rejects', () => Promise.reject(new Error('observer failed'))],
    ])('changes nothing when it %s, and the operator is warned', async (_case, onRefusal) => {
      const warned = nextWarning()
      const { url, seen } = await start({ onRefusal })
      const refused = await post(url, {})
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toBe(missing)
      // What needs Node warns by its process.
      const kind = isRaw ? 'OnbehalfWarning: ' : ''
      expect(await warned).toBe(`${kind}onRefusal failed; the caller was refused all the same`)
      expect((await post(url, await adasHeaders())).status).toBe(200)
      expect(seen).toHaveLength(1)
    })

    it('does not delay the answer', async () => {
      const { url } = await start({ onRefusal: () => new Promise(() => {}) })
      expect((await post(url, {})).status).toBe(401)
    })
  })

  /** A server whose every handler is behind the authenticator, and what it saw. */
  async function start(changes: Partial<Site> = {}) {
    const seen: Seen[] = []
    const refusals: (Pick<IdentityError, 'code' | 'reason'> & { url: string | undefined })[] = []
    const onRefusal: Site['onRefusal'] = ({ code, reason }, url) => {
      refusals.push({ code, reason, url })
    }
    const handle: Site['handle'] = (it) => void seen.push(it)
    const url = await serve(await mount({ authenticator, handle, onRefusal, ...changes }))
    return { url, seen, refusals }
  }

  async function refusal(headers: Record<string, string>): Promise<Response> {
    const { url, seen } = await start()
    const response = await post(url, headers)
    expect(seen).toEqual([])
    return response
  }
})

async function post(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(new URL('/mcp', url), { method: 'POST', headers, body: '{}', signal })
}

function rpcError(code: number, message: string): object {
  return { jsonrpc: '2.0', id: null, error: { code, message } }
}

async function authenticatorWithoutKeys(): Promise<typeof authenticator> {
  const url = await serve((_req, res) => res.writeHead(500).end())
  return authenticatorWithKeysAt(url)
}

function authenticatorWithKeysAt(url: URL): typeof authenticator {
  const remote = issuer({
    iss: people.issuer,
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwksUri: url.href },
  })
  return createAuthenticator({ resource, sources: [direct({ issuer: remote })] })
}

/** Serves no keys, but only once it is asked to. */
async function slowKeyServer() {
  const server = createServer()
  const asked = once(server, 'request')
  const url = await serve((req, res) => server.emit('request', req, res))
  return {
    authenticator: authenticatorWithKeysAt(url),
    asked,
    fail: () => void asked.then(([, res]) => res.writeHead(500).end()),
  }
}
