import { createServer } from 'node:http'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, type IdentityError, issuer } from '@onbehalf/core'
import { withIdentity } from '@onbehalf/core/fetch'
import { authenticate as overExpress } from '@onbehalf/express'
import { authenticate as overFastify } from '@onbehalf/fastify'
import { authenticate as overHono } from '@onbehalf/hono'
import { type AddressRule, type FailureLimitOptions, limitFailures } from '@onbehalf/limits'
import { protectedHandler, type ServerEvent } from '@onbehalf/mcp'
import { createTokenMinter } from '@onbehalf/testing'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'

const resource = 'https://mcp.example.com/mcp'
const minter = await createTokenMinter()
const people = issuer({
  iss: minter.issuer,
  audience: resource,
  kind: 'by-client',
  keys: { jwks: minter.jwks },
})
const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
const good = `Bearer ${await minter.mint({ aud: resource, sub: 'ada', client_id: 'desktop' })}`
const bad = `${good}AAAA`

const start = (address: AddressRule, options: Partial<FailureLimitOptions> = {}) =>
  limitFailures(authenticator, { attempts: 2, seconds: 60, address, ...options })

interface From {
  readonly address?: string
  readonly headers?: Readonly<Record<string, unknown>>
}

/** What a request is answered with: the subject, or status and reason. */
function ask(
  limited: ReturnType<typeof start>,
  { address, headers = {} }: From,
  authorization?: string,
): Promise<string> {
  const request = { address, headers: { ...headers, ...(authorization && { authorization }) } }
  return limited.authenticate(request).then(
    ({ subject }) => subject,
    ({ status, reason }: IdentityError) => `${status} ${reason}`,
  )
}

const refused = '429 too_many_failures'

describe('an address with too many refused credentials', () => {
  test('is answered 429 until its seconds are over, and no other address is', async () => {
    let now = 1000
    const limited = start('socket', { monotonic: () => now })
    const [here, there] = [{ address: '192.0.2.1' }, { address: '192.0.2.2' }]
    expect(await ask(limited, here, bad)).toMatch('401')
    expect(await ask(limited, here, good)).toBe('ada')
    expect(await ask(limited, here, bad)).toMatch('401')
    expect(await ask(limited, here, good)).toBe(refused)
    expect(await ask(limited, there, good)).toBe('ada')
    now = 1059.9
    expect(await ask(limited, here, bad)).toBe(refused)
    now = 1060
    expect(await ask(limited, here, good)).toBe('ada')
  })

  test('receives how long to wait, and the operator what happened', async () => {
    const events: unknown[] = []
    const limited = start('socket', { attempts: 1 })
    const here = { address: '192.0.2.1' }
    await ask(limited, here, bad)
    const request = { ...here, headers: { authorization: bad } }
    const error: IdentityError = await limited
      .authenticate(request, { onEvent: (event) => events.push(event) })
      .then(
        () => undefined as never,
        (thrown) => thrown as IdentityError,
      )
    expect(error).toMatchObject({ code: 'LIMIT', status: 429, message: 'Too many requests' })
    expect(error.retryAfterSeconds).toBeGreaterThan(50)
    const { requestId } = error
    expect(events).toEqual([
      { type: 'refused', code: 'LIMIT', reason: 'too_many_failures', requestId },
    ])
  })

  test('is not one whose requests have no credential', async () => {
    const limited = start('socket', { attempts: 1 })
    for (const _again of [1, 2, 3]) {
      expect(await ask(limited, { address: '192.0.2.1' })).toBe('401 no_credential')
    }
    expect(await ask(limited, { address: '192.0.2.1' }, good)).toBe('ada')
  })

  test('is not known without an address', async () => {
    const limited = start('socket', { attempts: 1 })
    for (const _again of [1, 2, 3]) expect(await ask(limited, {}, bad)).toMatch('401')
    expect(await ask(limited, {}, good)).toBe('ada')
  })

  test('is forgotten for a new one when too many are remembered', async () => {
    const limited = start('socket', { attempts: 1, maxAddresses: 2 })
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      await ask(limited, { address }, bad)
    }
    expect(await ask(limited, { address: '192.0.2.3' }, good)).toBe(refused)
    expect(await ask(limited, { address: '192.0.2.2' }, good)).toBe(refused)
    expect(await ask(limited, { address: '192.0.2.1' }, good)).toBe('ada')
  })
})

const forwarded = (value: unknown): From => ({ headers: { 'x-forwarded-for': value } })
const platform = (value: string): From => ({ headers: { 'cf-connecting-ip': value } })

describe('one client', () => {
  test.each<[string, AddressRule, From, From]>([
    ['IPv4 in IPv6', 'socket', { address: '::ffff:192.0.2.1' }, { address: '192.0.2.1' }],
    [
      'another host of its network',
      'socket',
      { address: '2001:db8::1' },
      { address: '2001:db8:0:0:f::2' },
    ],
    [
      'zeros in another way',
      'socket',
      { address: '2001:0DB8:0:1::1' },
      { address: '2001:db8:0:1:2:3:4:5' },
    ],
    ['another port', { forwardedFor: 1 }, forwarded('192.0.2.1:1000'), forwarded('192.0.2.1:2000')],
    [
      'another port of IPv6',
      { forwardedFor: 1 },
      forwarded('[2001:db8::1]:1'),
      forwarded('2001:db8::1'),
    ],
    [
      'what it writes in front',
      { forwardedFor: 1 },
      forwarded('10.0.0.1, 192.0.2.1'),
      forwarded('10.0.0.2,192.0.2.1'),
    ],
    [
      'lines that it adds',
      { forwardedFor: 1 },
      forwarded(['10.0.0.1', '192.0.2.1']),
      forwarded('192.0.2.1'),
    ],
    [
      'the second proxy',
      { forwardedFor: 2 },
      forwarded('192.0.2.1, 10.0.0.1'),
      forwarded('9.9.9.9, 192.0.2.1, 10.0.0.2'),
    ],
    [
      'what a platform says',
      { header: 'CF-Connecting-IP' },
      platform('192.0.2.1'),
      platform(' 192.0.2.1 '),
    ],
  ])('is not another one by %s', async (_name, rule, one, other) => {
    const limited = start(rule, { attempts: 1 })
    await ask(limited, one, bad)
    expect(await ask(limited, other, good)).toBe(refused)
  })

  test.each<[string, AddressRule, From, From]>([
    ['another address', 'socket', { address: '192.0.2.1' }, { address: '192.0.2.10' }],
    ['another network', 'socket', { address: '2001:db8:0:1::1' }, { address: '2001:db8:0:2::1' }],
    [
      'a header that no rule reads',
      'socket',
      { address: '192.0.2.1' },
      { address: '192.0.2.2', ...forwarded('192.0.2.1') },
    ],
    [
      'fewer entries than proxies',
      { forwardedFor: 2 },
      forwarded('192.0.2.1'),
      forwarded('192.0.2.1'),
    ],
    ['what cannot be an address', { forwardedFor: 1 }, forwarded('unknown'), forwarded('unknown')],
  ])('is another one by %s', async (_name, rule, one, other) => {
    const limited = start(rule, { attempts: 1 })
    await ask(limited, one, bad)
    expect(await ask(limited, other, good)).toBe('ada')
  })
})

type Fetch = (headers: Readonly<Record<string, string>>) => Promise<Response>

async function overHttp(listen: (port: number) => Promise<string>): Promise<Fetch> {
  const url = await listen(0)
  return (headers) => fetch(url, { headers })
}

const byProxy: AddressRule = { forwardedFor: 1 }
const adapters: Readonly<Record<string, () => Promise<Fetch>>> = {
  express: () =>
    overHttp(async () => {
      const app = express().use(overExpress(start('socket')) as never)
      app.use((_req, res) => void res.end('ada'))
      return listening(createServer(app))
    }),
  fastify: async () => {
    const app = fastify()
    app.addHook('onRequest', overFastify(start('socket')))
    app.get('/', () => 'ada')
    onTestFinished(() => app.close())
    return overHttp(() => app.listen({ port: 0, host: '127.0.0.1' }))
  },
  hono: async () => {
    const app = new Hono().use(overHono(start(byProxy)) as never).get('/', (c) => c.text('ada'))
    return async (headers) => app.request('/', { headers })
  },
  fetch: async () => {
    const handle = withIdentity(start(byProxy), () => new Response('ada'))
    return (headers) => handle(new Request('http://127.0.0.1/', { headers }))
  },
}

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  return `http://127.0.0.1:${port}/`
}

test.each(Object.entries(adapters))('%s answers 429 with Retry-After', async (_name, make) => {
  const say = await make()
  const from = { 'x-forwarded-for': '192.0.2.1' }
  const before = await say({ ...from, authorization: good })
  expect([before.status, await before.text()]).toEqual([200, 'ada'])
  for (const _again of [1, 2]) {
    expect((await say({ ...from, authorization: bad })).status).toBe(401)
  }
  const { status, headers } = await say({ ...from, authorization: good })
  expect(status).toBe(429)
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(50)
  expect(headers.get('www-authenticate')).toBeNull()
})

test('protectedHandler answers 429, and reports it', async () => {
  const events: ServerEvent[] = []
  const createMcp = () => new McpServer({ name: 'test', version: '1.0.0' })
  const handler = protectedHandler(createMcpHandler, createMcp, {
    authenticator: start(byProxy, { attempts: 1 }),
    onEvent: (event) => events.push(event),
  })
  const say = () =>
    handler.fetch(
      new Request(resource, {
        method: 'POST',
        headers: { authorization: bad, 'x-forwarded-for': '192.0.2.1' },
      }),
    )
  expect([(await say()).status, (await say()).status]).toEqual([401, 429])
  expect(events.at(-1)).toMatchObject({ type: 'refused', code: 'LIMIT' })
})

test.each<[string, unknown]>([
  ['no address', { address: undefined }],
  ['an unknown rule', { address: 'proxy' }],
  ['no proxy at all', { address: { forwardedFor: 0 } }],
  ['a half one', { address: { forwardedFor: 1.5 } }],
  ['two rules', { address: { forwardedFor: 1, header: 'x-real-ip' } }],
  ['a malformed header name', { address: { header: 'x y' } }],
  ['no attempt', { attempts: 0 }],
  ['no second', { seconds: 0 }],
  ['no room', { maxAddresses: 0 }],
  ['a name that is misspelt', { trustProxy: true }],
])('%s: TypeError', (_name, options) => {
  const settings = { attempts: 1, seconds: 1, address: 'socket', ...(options as object) }
  expect(() => limitFailures(authenticator, settings as never)).toThrow(TypeError)
})
