import { authenticate, identityOf, resourceMetadata } from '@onbehalf/express'
import type express from 'express'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { serve } from '../../../test/adapters/support/http.ts'
import {
  adasHeaders,
  adasToken,
  authenticator,
  metadataUrl,
} from '../../../test/adapters/support/identities.ts'
import { frameworks } from './frameworks.ts'

// What holds on every framework is in test/adapters.

describe.each(frameworks)('authenticate on %s', (_name, framework) => {
  it('leaves an identity that is not found on a copy of req.auth, nor without the middleware', async () => {
    const { url, requests } = await start()
    await post(url, await adasHeaders())
    expect(identityOf({ auth: { ...authOf(requests[0]) } })).toBeUndefined()
    expect(identityOf({ auth: null })).toBeUndefined()
    expect(identityOf({})).toBeUndefined()
  })

  it('refuses a token in the query where the application rewrote the URL', async () => {
    const app = framework()
    app.use((req, _res, next) => {
      req.url = '/mcp'
      next()
    })
    const { url, requests } = await start({ app })
    const target = new URL(`/mcp?access_token=${await adasToken()}`, url)
    const refused = await fetch(target, { method: 'POST', headers: await adasHeaders() })
    expect(refused.status).toBe(400)
    expect(requests).toEqual([])
  })

  it('refuses when it cannot set req.auth', async () => {
    const app = framework()
    app.use((req, _res, next) => {
      Object.defineProperty(req, 'auth', { value: undefined, writable: false })
      next()
    })
    const { url, requests } = await start({ app })
    expect((await post(url, await adasHeaders())).status).toBe(503)
    expect(requests).toEqual([])
  })

  it('hangs up when it cannot write the answer', async () => {
    const app = framework()
    app.use((_req, res, next) => {
      res.write('something began to answer')
      next()
    })
    const { url, requests } = await start({ app })
    await expect(post(url, {}).then((response) => response.text())).rejects.toThrow('terminated')
    expect(requests).toEqual([])
  })

  describe('a response that is out already', () => {
    it.each([
      ['admitted', async () => adasHeaders()],
      ['refused', async () => ({})],
    ])('is left to finish, and no handler runs, for a request to be %s', async (_case, headers) => {
      const tooLate = 'too late '.repeat(1_000_000)
      const app = framework()
      app.use((_req, res, next) => {
        next()
        res.status(504).send(tooLate)
      })
      const { url, requests } = await start({ app })
      const response = await post(url, await headers())
      expect([response.status, await response.text()]).toEqual([504, tooLate])
      expect((await post(url, await headers())).status).toBe(504)
      expect(requests).toEqual([])
    })
  })

  interface StartOptions {
    readonly app?: express.Express
  }

  /** A server whose every handler is behind the middleware, and what it saw. */
  async function start(options: StartOptions = {}) {
    const requests: express.Request[] = []
    const app = options.app ?? framework()
    app.use(authenticate(authenticator))
    app.use((req, res) => {
      requests.push(req)
      res.json({})
    })
    return { url: await serve(app), requests }
  }
})

describe('authenticate on a server that does not catch what handlers throw', () => {
  it.each([
    ['before it answers', false],
    ['while it answers', true],
  ])('ends the answer once when one throws %s, and warns', async (_case, isAnswering) => {
    const warnings: string[] = []
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warnings.push(String(warning))
    })
    onTestFinished(() => warn.mockRestore())
    const admit = authenticate(authenticator)
    const url = await serve((req, res) => {
      admit(req, res, () => {
        if (isAnswering) res.write('something')
        throw new Error('a mistake in a handler')
      })
    })
    const answer = post(url, await adasHeaders()).then(async (response) => {
      await response.text()
      return response.status
    })
    expect(await answer.catch(() => 'hung up')).toBe(isAnswering ? 'hung up' : 500)
    expect(warnings).toEqual(['Error: a mistake in a handler'])
  })
})

describe.each(frameworks)('resourceMetadata on %s', (_name, framework) => {
  it('goes by the path as it was sent where it is mounted below one', async () => {
    const app = framework()
    app.use('/.well-known', resourceMetadata(authenticator))
    app.use((_req, res) => void res.status(404).end())
    const url = await serve(app)
    const path = new URL(metadataUrl).pathname
    expect((await fetch(new URL(path, url))).status).toBe(200)
    expect((await fetch(new URL(`/.well-known${path}`, url))).status).toBe(404)
  })
})

async function post(url: URL, headers: Record<string, string>): Promise<Response> {
  return fetch(new URL('/mcp', url), { method: 'POST', headers, body: '{}' })
}

function authOf(req: unknown): object {
  return (req as { auth: object }).auth
}
