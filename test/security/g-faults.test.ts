import nodeCrypto from 'node:crypto'
import {
  certificateBound,
  createAuthenticator,
  createRefusal,
  direct,
  enriched,
  introspected,
  isIdentityError,
  issuer,
  type Source,
} from '@onbehalf/core'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { refusals } from './support/expect-refused.ts'
import {
  assertion,
  call,
  gatewayIssuer,
  gatewaySecret,
  goodCall,
  machineToken,
  startForwarded,
  startPlainHeaders,
} from './support/gateway.ts'
import { type Lines, listen } from './support/http.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { bearer, type ProtectedServer, startDirect, startServer } from './support/server.ts'
import { mint } from './support/token.ts'
import { failOnUnhandled } from './support/unhandled.ts'

failOnUnhandled()

afterEach(() => {
  vi.restoreAllMocks()
})

const key = createKey('ES256')
const fault = new TypeError('injected')

const modes = [
  ['throws', raise],
  ['returns undefined', () => undefined],
  ['returns null', () => null],
  ['returns an empty object', () => ({})],
] as const
const asyncModes = [...modes, ['rejects', () => Promise.reject(fault)]] as const

function raise(): never {
  throw fault
}

interface Step {
  readonly name: string
  readonly object: object
  readonly method: string
  readonly isAsync: boolean
  /** What this step is part of. */
  readonly paths: readonly Path[]
}

type Path = keyof typeof servers

/** Everything that the platform does for a verification, step by step. */
const steps: readonly Step[] = [
  step('crypto.verify', nodeCrypto, 'verify', ['direct', 'remote', 'forwarded', 'enriched'], false),
  step('crypto.createPublicKey', nodeCrypto, 'createPublicKey', ['direct', 'remote'], false),
  step('crypto.subtle.digest', crypto.subtle, 'digest', ['plainHeaders']),
  step('crypto.hash', nodeCrypto, 'hash', ['direct', 'forwarded', 'opaque', 'revocable'], false),
  step('JSON.parse', JSON, 'parse', ['direct', 'remote', 'forwarded', 'enriched', 'opaque'], false),
  step(
    'TextDecoder.decode',
    TextDecoder.prototype,
    'decode',
    ['direct', 'remote', 'opaque'],
    false,
  ),
  step('fetch', globalThis, 'fetch', ['remote', 'opaque']),
  step('Response.status', Response.prototype, 'status', ['remote', 'opaque'], false),
]

function step(
  name: string,
  object: object,
  method: string,
  paths: readonly Path[],
  isAsync = true,
): Step {
  return { name, object, method, isAsync, paths }
}

// The fetch of the moment: it is replaced after the server was built.
const late: typeof fetch = (...input) => globalThis.fetch(...input)

interface Ready {
  readonly server: ProtectedServer
  readonly lines: Lines
}

/** One server for each way in which an identity can come in, and a call that it accepts. */
const servers = {
  direct: async (): Promise<Ready> => ({
    server: await startDirect(key),
    lines: bearer(mint(key)),
  }),
  remote: async (): Promise<Ready> => {
    const keys = await startKeyServer([key.jwk])
    const server = await startDirect(key, { keys: { jwksUri: keys.url } })
    return { server, lines: bearer(mint(key)) }
  },
  forwarded: async (): Promise<Ready> => ({ server: await startForwarded(), lines: goodCall() }),
  enriched: async (): Promise<Ready> => {
    const source = enriched({ issuer: gatewayIssuer(), userClaim: 'onBehalfOf' })
    const lines = call({ machine: machineToken({ onBehalfOf: '{"sub":"ada"}' }) })
    return { server: await startServer({ sources: [source] }), lines }
  },
  plainHeaders: async (): Promise<Ready> => ({
    server: await startPlainHeaders(),
    lines: assertion(gatewaySecret),
  }),
  opaque: async (): Promise<Ready> => {
    const times = { iat: now, exp: now + 60 }
    const claims = { active: true, sub: 'ada', aud: audience, ...times, client_id: 'agent' }
    const { port, close } = await listen((_req, res) => res.end(JSON.stringify(claims)))
    onTestFinished(close)
    const endpoint = `http://127.0.0.1:${port}/`
    const options = {
      iss: issuerName,
      audience,
      kind: 'by-client' as const,
      endpoint,
      clientId: 'me',
      clientSecret: 'x',
      fetch: late,
    }
    const source = direct({ issuer: introspected({ ...options, cacheSeconds: 0 }) })
    return { server: await startServer({ sources: [source] }), lines: bearer('opaque-token') }
  },
  revocable: async (): Promise<Ready> => {
    const server = await startDirect(key)
    await server.authenticator.revoke({ issuer: issuerName, tokenId: 'another' })
    return { server, lines: bearer(mint(key)) }
  },
}

describe('G7 a step that fails', () => {
  const rows = steps.flatMap((one) =>
    one.paths.flatMap((path) =>
      (one.isAsync ? asyncModes : modes).map(([mode, inject]) => ({ ...one, path, mode, inject })),
    ),
  )

  it.each(rows)('G7 never accepts while $name $mode: $path', async (row) => {
    const { server, lines } = await servers[row.path]()
    const calls = injectInto(row.object, row.method, row.inject)
    const answer = await server.send(lines)
    vi.restoreAllMocks()
    expect(calls()).toBeGreaterThan(0)
    expect([refusals.TOK, refusals.DOWN, refusals.MISSING]).toContainEqual(withoutDelay(answer))
    expect(server.handled).toHaveLength(0)
    expect(server.thrown.every(isIdentityError)).toBe(true)
  })

  it.each(Object.keys(servers) as Path[])('G7 accepts while nothing fails: %s', async (path) => {
    const { server, lines } = await servers[path]()
    expect(await server.send(lines)).toMatchObject({ status: 200 })
    expect(server.handled).toHaveLength(1)
  })

  it('G7 accepts no secret when digests fail from the start on', async () => {
    for (const [, inject] of asyncModes.slice(1)) {
      injectInto(crypto.subtle, 'digest', inject)
      const server = await startPlainHeaders()
      const answer = await server.send(assertion('x'.repeat(40)))
      vi.restoreAllMocks()
      expect([answer.status, server.handled.length]).toEqual([503, 0])
    }
  })

  it('G7 serves again once the step works', async () => {
    const { server, lines } = await servers.direct()
    injectInto(nodeCrypto, 'verify', raise)
    expect(await server.send(lines)).toMatchObject({ status: 401 })
    vi.restoreAllMocks()
    expect(await server.send(lines)).toMatchObject({ status: 200 })
  })

  /** Puts a fault in the place of a method or a getter; tells how often it was met. */
  function injectInto(object: object, method: string, inject: () => unknown): () => number {
    const isGetter = Object.getOwnPropertyDescriptor(object, method)?.get !== undefined
    const spy = isGetter
      ? vi.spyOn(object as never, method as never, 'get' as never)
      : vi.spyOn(object as never, method as never)
    spy.mockImplementation(inject as never)
    return () => spy.mock.calls.length
  }
})

describe('G7 times and chances that fail', () => {
  const numbers = [
    ['throws', raise],
    ['returns undefined', () => undefined],
    ['returns NaN', () => Number.NaN],
    ['returns text', () => 'x'],
    ['goes back', () => -1e9],
  ] as const

  it.each(numbers)(
    'G7 never accepts a token of a failing key source while random %s',
    async (...row) => {
      const keys = await startKeyServer()
      keys.fail(500)
      const random = row[1] as () => number
      const server = await startDirect(key, { keys: { jwksUri: keys.url }, random })
      for (let n = 0; n < 3; n++) {
        expect(await server.send(bearer(mint(key)))).toMatchObject({ status: 503 })
      }
      expect(server.handled).toHaveLength(0)
    },
  )

  it.each(numbers)(
    'G7 answers within the closed list while the monotonic clock %s',
    async (...row) => {
      const keys = await startKeyServer([key.jwk])
      let monotonic: () => number = () => 1000
      const options = { keys: { jwksUri: keys.url }, monotonic: () => monotonic() }
      const server = await startDirect(key, options)
      expect(await server.send(bearer(mint(key)))).toMatchObject({ status: 200 })
      monotonic = row[1] as () => number
      const forged = await server.send(bearer(mint(key, { sign: () => Buffer.alloc(64, 1) })))
      expect([401, 503]).toContain(forged.status)
      expect(server.handled).toHaveLength(1)
      expect(server.thrown.every(isIdentityError)).toBe(true)
    },
  )
})

describe('G7 requests that are none', () => {
  const shapes: readonly (readonly [string, unknown])[] = [
    ['undefined', undefined],
    ['null', null],
    ['text', 'Bearer x'],
    ['no headers', {}],
    ['headers null', { headers: null }],
    ['headers as text', { headers: 'authorization: Bearer x' }],
    ['a number as value', { headers: { authorization: 1 } }],
    ['an object as value', { headers: { authorization: { toString: () => 'Bearer x' } } }],
    ['rawHeaders of odd length', { headers: {}, rawHeaders: ['authorization'] }],
    ['rawHeaders of numbers', { headers: {}, rawHeaders: [1, 2] }],
    ['rawHeaders null', { headers: {}, rawHeaders: null }],
    ['a url that is none', { headers: {}, url: 42 }],
    ['a getter that throws', Object.defineProperty({}, 'headers', { get: raise })],
  ]

  it.each(shapes)('G7 refuses what is not a request: %s', async (_shape, request) => {
    const trusted = issuer({
      iss: issuerName,
      audience,
      kind: 'by-client',
      keys: { jwks: { keys: [key.jwk] } },
    })
    const source: Source<unknown> = direct({ issuer: trusted })
    const confirmations = [certificateBound()]
    const authenticator = createAuthenticator({ resource, sources: [source], confirmations })
    const thrown: unknown = await authenticator.authenticate(request as never).then(
      () => 'accepted',
      (error: unknown) => error,
    )
    expect(isIdentityError(thrown)).toBe(true)
    expect([400, 401, 503]).toContain(createRefusal(thrown, authenticator).status)
  })

  it.each([undefined, null, 0, 'text', {}, [], new Error('x'), Object.create(null), Symbol('x')])(
    'G7 answers 503 to whatever was thrown that is not a refusal: %#',
    (thrown) => {
      const metadata = {
        resource,
        authorization_servers: [],
        bearer_methods_supported: ['header'],
      } as const
      const refusal = createRefusal(thrown, { resourceMetadataUrl: 'https://x.example', metadata })
      expect(refusal.status).toBe(503)
      expect(refusal.body).toBe(refusals.DOWN.body)
    },
  )
})

/** How long to wait depends on chance. */
function withoutDelay(answer: { headers: Lines; status: number; body: string }) {
  const headers = answer.headers.map(([name, value]) =>
    name === 'retry-after' ? ([name, '1'] as const) : ([name, value] as const),
  )
  return { ...answer, headers }
}
