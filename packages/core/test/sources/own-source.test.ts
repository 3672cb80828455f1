import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Authenticator, createRefusal } from '@onbehalf/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const apiKey = 'k3TqP0vXn8Zr5YbW2LmD7sHc9GfJ4aEu'

/** The program of the guide, as it is. */
async function load(): Promise<Authenticator> {
  const page = readFileSync(new URL('../../../../docs/choosing.md', import.meta.url), 'utf8')
  const [, block = ''] =
    /## Write a source of your own[\s\S]*?```ts\n([\s\S]*?)```/.exec(page) ?? []
  const folder = new URL('../../../../.artifacts/docs/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const file = new URL('own-source.ts', folder)
  writeFileSync(file, `${block}\nexport { authenticator }\n`)
  vi.stubEnv('API_KEY', apiKey)
  const { authenticator } = (await import(file.pathname)) as { authenticator: Authenticator }
  return authenticator
}

let authenticator: Authenticator
let url: string
const server = createServer((req, res) => {
  authenticator.authenticate(req).then(
    ({ kind, principal, source, organization }) =>
      res.end(JSON.stringify({ kind, principal, source, organization })),
    (error: unknown) => {
      const { status, headers, body } = createRefusal(error, authenticator)
      res.writeHead(status, headers).end(body)
    },
  )
})

beforeAll(async () => {
  authenticator = await load()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  vi.unstubAllEnvs()
})

const send = (headers: [string, string][]) => fetch(url, { headers })

describe('a source that the user wrote', () => {
  it('makes an identity over HTTP', async () => {
    const answer = await send([['x-api-key', apiKey]])
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        kind: 'service',
        principal: '["https://keys.example.com","nightly-report","service"]',
        source: 'apiKey',
        organization: { id: 'acme', roles: [] },
      },
    ])
  })

  it.each<readonly [string, [string, string][], number]>([
    ['another key', [['x-api-key', `${apiKey}x`]], 401],
    ['an empty key', [['x-api-key', '']], 401],
    ['no key', [], 401],
    [
      'a key beside a token',
      [
        ['x-api-key', apiKey],
        ['authorization', 'Bearer a.b.c'],
      ],
      401,
    ],
    [
      'two keys',
      [
        ['x-api-key', apiKey],
        ['x-api-key', apiKey],
      ],
      401,
    ],
    [
      'two spellings',
      [
        ['x-api-key', apiKey],
        ['x_api_key', apiKey],
      ],
      400,
    ],
  ])('refuses %s', async (_, headers, status) => {
    const answer = await send(headers)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('www-authenticate')).toContain('resource_metadata=')
    expect(await answer.text()).not.toContain(apiKey)
  })

  it('is reached by a revocation', async () => {
    await authenticator.revoke({ issuer: 'https://keys.example.com', subject: 'nightly-report' })
    expect((await send([['x-api-key', apiKey]])).status).toBe(401)
  })
})
