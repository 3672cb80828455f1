import type { KeySource } from '@onbehalf/core'
import {
  type AuthenticatorEvent,
  direct,
  type GatewayProof,
  type Issuer,
  type IssuerOptions,
  issuer,
  plainHeaders,
  type Source,
  type Store,
} from '@onbehalf/core'
import { decide } from '@onbehalf/core/guards'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused, refusals } from './support/expect-refused.ts'
import { gatewayName, plainHeaderNames } from './support/gateway.ts'
import type { Lines } from './support/http.ts'
import { createKey } from './support/keys.ts'
import { outcomeOf, startToolServer } from './support/mcp-server.ts'
import { audience, issuerName, now } from './support/names.ts'
import { bearer, type ProtectedServer, startDirect, startServer } from './support/server.ts'
import { mint } from './support/token.ts'
import { failOnUnhandled } from './support/unhandled.ts'

failOnUnhandled()

const key = createKey('ES256')
const good = bearer(mint(key))
const bad = bearer(mint(key, { claims: { aud: 'https://other.example' } }))

type Callback = (...input: never[]) => unknown

const fault = new TypeError('the callback failed')
const throws: Callback = () => {
  throw fault
}
const rejects: Callback = () => Promise.reject(fault)
const never: Callback = () => new Promise(() => {})
const raises =
  (value: unknown): Callback =>
  () => {
    throw value as Error
  }
const gives =
  (value: unknown): Callback =>
  () =>
    value

/** What a callback does in place of its work, and that a promise of it ends. */
const failures: readonly (readonly [string, Callback])[] = [
  ['throws', throws],
  ['rejects', rejects],
  ['returns undefined', gives(undefined)],
  ['returns null', gives(null)],
  ['resolves to undefined', () => Promise.resolve(undefined)],
  ['throws undefined', raises(undefined)],
  ['throws text', raises('text')],
]

describe('G6 an observer that fails', () => {
  it.each([...failures, ['never resolves', never] as const])(
    'G6 still decides when onEvent %s',
    async (_mode, callback) => {
      const onEvent = callback as (event: AuthenticatorEvent) => void
      const server = await startDirect(key, {}, { onEvent })
      await expectAccepted(server, good)
      await expectRefused(server, bad, { code: 'TOK', reason: 'audience' })
    },
  )

  it.each([...failures, ['never resolves', never] as const])(
    'G6 still decides when onEvent %s',
    async (_mode, callback) => {
      const answers = await callTool({ onEvent: callback as () => void, allow: () => true })
      expect(answers).toEqual({ result: 'done', handled: 1 })
      const denied = await callTool({ onEvent: callback as () => void, allow: () => false })
      expect(denied).toEqual({ result: 'check_failed', handled: 0 })
    },
  )
})

describe('G6 a schema that fails', () => {
  const start = (validate: Callback): Promise<ProtectedServer> => {
    const claims = {
      '~standard': { version: 1, vendor: 'test', validate: validate as never },
    } as const
    return startDirect(key, { schema: claims }, { good: undefined as never })
  }
  const odd = [
    ['returns an empty object', gives({})],
    ['returns true', gives(true)],
    ['returns text', gives('ok')],
  ] as const

  it.each([...failures, ...odd])(
    'G6 refuses with 503 when validate %s',
    async (_mode, validate) => {
      const expected = { code: 'DOWN', reason: 'claims_schema_failed' } as const
      await expectRefused(await start(validate), good, expected)
    },
  )

  it('G6 admits nobody while validate does not resolve', async () => {
    await expectPending(await start(never))
  })
})

describe('G6 a claim reader that fails', () => {
  const readers = ['subject', 'client', 'organization', 'roles', 'scopes', 'kind'] as const
  const ends = failures.filter(([mode]) => /throws|rejects|resolves/.test(mode))
  const rows = readers.flatMap((reader) => ends.map(([mode, fn]) => ({ reader, mode, fn })))

  const optionsOf = (reader: string, fn: () => unknown): Partial<IssuerOptions<unknown>> =>
    reader === 'kind' ? { kind: fn } : { claimMap: { [reader]: fn } }

  it.each(rows)('G6 refuses with 503 when the reader of $reader $mode', async ({ reader, fn }) => {
    const server = await startWith(optionsOf(reader, fn as () => unknown))
    await expectRefused(server, good, { code: 'DOWN', reason: 'claim_reader_failed' })
  })

  it.each([
    ['subject', 'subject'],
    ['kind', 'kind_unknown'],
  ] as const)('G6 refuses when the reader of %s finds nothing', async (reader, reason) => {
    const server = await startWith(optionsOf(reader, () => undefined))
    await expectRefused(server, good, { code: 'TOK', reason })
  })
})

describe('G6 a key source that fails', () => {
  const source = (find: Callback, ready: Callback = find): KeySource =>
    ({ find, ready }) as unknown as KeySource
  const keysOf = (value: unknown): Callback => gives(Promise.resolve(value))
  const broken = [
    ...failures,
    ['returns text', gives('keys')],
    ['resolves to an object', keysOf({})],
    ['resolves to keys that are none', keysOf([{}, null, 1])],
    [
      'resolves to keys that cannot be imported',
      keysOf([{ algorithms: ['ES256'], forAlgorithm: rejects }]),
    ],
    [
      'resolves to keys without a key',
      keysOf([{ algorithms: ['ES256'], forAlgorithm: gives(undefined) }]),
    ],
  ] as const

  it.each(broken)('G6 accepts nothing when find %s', async (_mode, find) => {
    const server = await startWith({ keys: source(find) })
    const answer = await server.send(good)
    expect([refusals.DOWN, refusals.TOK]).toContainEqual(answer)
    expect(server.handled).toHaveLength(0)
  })

  it.each(failures.slice(0, 4))('G6 answers 503 when find %s', async (_mode, find) => {
    const server = await startWith({ keys: source(find) })
    await expectRefused(server, good, { code: 'DOWN', reason: 'internal_error' })
  })

  it.each(failures.filter(([mode]) => /throws|rejects/.test(mode)))(
    'G6 is not ready, and says so as any other refusal, when ready %s',
    async (_mode, ready) => {
      const { authenticator } = await startWith({ keys: source(never, ready) })
      await expect(authenticator.ready()).rejects.toMatchObject({ code: 'DOWN' })
    },
  )

  it('G6 admits nobody while find does not resolve', async () => {
    await expectPending(await startWith({ keys: source(never) }))
  })
})

describe('G6 a fetch that fails', () => {
  const odd = [
    ['returns text', gives('{}')],
    ['returns an empty object', gives({})],
    ['resolves to an empty object', gives(Promise.resolve({}))],
    ['resolves to an error', gives(Promise.resolve(Response.error()))],
    ['resolves to a body that fails', () => Promise.resolve(new Response(failingBody()))],
    ['resolves to a body that never ends', () => Promise.resolve(new Response(endlessBody()))],
    ['never resolves', never],
  ] as const

  it.each([...failures, ...odd])('G6 answers 503 when fetch %s', async (_mode, callback) => {
    const options = { fetch: callback as typeof fetch, timeoutSeconds: 0.1, random: () => 0 }
    const server = await startWith({ keys: { jwksUri: 'https://idp.example/jwks' }, ...options })
    await expectRefused(server, good, { code: 'DOWN', reason: 'keys_unavailable' })
  })

  function failingBody(): ReadableStream {
    return new ReadableStream({ pull: (controller) => controller.error(fault) })
  }
  function endlessBody(): ReadableStream {
    return new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) })
  }
})

describe('G6 a clock that fails', () => {
  const broken = [
    ['throws', throws],
    ['returns undefined', gives(undefined)],
    ['returns null', gives(null)],
    ['returns NaN', gives(Number.NaN)],
    ['returns Infinity', gives(Number.POSITIVE_INFINITY)],
    ['returns -Infinity', gives(Number.NEGATIVE_INFINITY)],
    ['returns text', gives(String(now))],
    ['returns a date', gives(new Date(now * 1000))],
    ['returns a promise', gives(Promise.resolve(now))],
  ] as const
  const expired = bearer(mint(key, { claims: { exp: now - 3600, iat: now - 7200 } }))

  it.each(broken)('G6 refuses with 503 when the clock %s', async (_mode, clock) => {
    const setup = { clock: clock as () => number, good: undefined as never }
    const server = await startDirect(key, {}, setup)
    await expectRefused(server, good, { code: 'DOWN', reason: 'internal_error' })
    await expectRefused(server, expired, { code: 'DOWN', reason: 'internal_error' })
    const revocation = { issuer: issuerName, subject: 'ada' }
    await expect(server.authenticator.revoke(revocation)).rejects.toMatchObject({ code: 'DOWN' })
  })
})

describe('G6 a store that fails', () => {
  const stores = failures.filter(([mode]) => /throws|rejects/.test(mode))

  it.each(stores)('G6 refuses with 503 when the store of revocations %s', async (_mode, fail) => {
    const store = { add: fail, set: fail, get: fail } as unknown as Store
    const server = await startDirect(key, {}, { revocations: store, good: undefined as never })
    await expectRefused(server, good, { code: 'DOWN', reason: 'store_unavailable' })
    const revocation = { issuer: issuerName, subject: 'ada' }
    await expect(server.authenticator.revoke(revocation)).rejects.toMatchObject({ code: 'DOWN' })
  })

  it('G6 admits nobody while the store does not resolve', async () => {
    const store = { add: never, set: never, get: never } as unknown as Store
    await expectPending(
      await startDirect(key, {}, { revocations: store, good: undefined as never }),
    )
  })
})

describe('G6 your own source, issuer or proof that fails', () => {
  const odd = [
    ['resolves to an object', gives(Promise.resolve({}))],
    ['resolves to true', gives(Promise.resolve(true))],
  ] as const

  it.each([...failures, ...odd])(
    'G6 refuses with 503 when identify %s',
    async (_mode, identify) => {
      const { source } = sound()
      const server = await startServer({ sources: [{ ...source, identify } as Source<unknown>] })
      await expectRefused(server, good, { code: 'DOWN', reason: 'internal_error' })
    },
  )

  it.each([...failures, ...odd])('G6 accepts nothing when verify %s', async (_mode, verify) => {
    const { trusted } = sound()
    const people = { ...trusted, verify } as unknown as Issuer<unknown>
    const server = await startServer({ sources: [direct({ issuer: people })] })
    await expectRefused(server, good, { code: 'DOWN', reason: 'internal_error' })
  })

  it.each(failures)('G6 refuses with 503 when prove %s', async (_mode, prove) => {
    const proof = {
      tokenHeaders: [],
      valueHeaders: ['x-proof'],
      authorizationIssuer: undefined,
      applies: () => true,
      prove,
    } as unknown as GatewayProof
    const source = plainHeaders({ headers: plainHeaderNames, iss: gatewayName, proof })
    const server = await startServer({ sources: [source] })
    const lines: Lines = [
      ['x-user', 'ada'],
      ['x-org', 'acme'],
      ['x-proof', 'x'],
    ]
    await expectRefused(server, lines, { code: 'DOWN', reason: 'internal_error' })
  })

  function sound() {
    const options = { iss: issuerName, audience, kind: 'by-client', algorithms: ['ES256'] } as const
    const trusted = issuer({ ...options, keys: { jwks: { keys: [key.jwk] } } })
    return { trusted, source: direct({ issuer: trusted }) }
  }
})

describe('G6 a guard that fails', () => {
  const odd = [
    ['returns 1', gives(1)],
    ['returns text', gives('true')],
    ['returns an object', gives({ allow: true })],
    ['resolves to an object', gives(Promise.resolve({ effect: 'allow' }))],
  ] as const

  it.each([...failures, ...odd])('G6 denies when check %s', async (_mode, fn) => {
    const answer = await callTool({ allow: fn as () => boolean })
    expect(['check_failed', 'guard_error']).toContain(answer.result)
    expect(answer.handled).toBe(0)
  })

  it.each([...failures, ...odd.slice(0, 3)])('G6 denies when a guard %s', async (_mode, fn) => {
    const server = await startDirect(key)
    await expectAccepted(server, good)
    const guard = { name: 'own', decide: fn } as never
    const decision = await decide(guard, server.handled[0] as never, {
      call: { arguments: {} },
      now,
    })
    expect(decision).toMatchObject({ effect: 'deny', reason: 'guard_error' })
  })

  it('G6 runs nothing while a guard does not resolve', async () => {
    const answer = await callTool({ allow: never as () => boolean, patience: 300 })
    expect(answer).toEqual({ result: 'no answer', handled: 0 })
  })
})

function startWith(options: Partial<IssuerOptions<unknown>>): Promise<ProtectedServer> {
  return startDirect(key, options, { good: undefined as never })
}

/** The caller gives up; until then, and after, nothing was handled. */
async function expectPending(server: ProtectedServer): Promise<void> {
  const answer = await Promise.race([server.send(good), giveUp(300)])
  expect(answer).toBe('no answer')
  expect(server.handled).toHaveLength(0)
}

function giveUp(milliseconds: number): Promise<'no answer'> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, 'no answer' as const))
}

interface ToolSetup {
  readonly allow: () => boolean
  readonly onEvent?: () => void
  readonly patience?: number
}

/** What became of one call of a guarded tool. */
async function callTool({ patience = 30_000, ...setup }: ToolSetup) {
  const { authenticator } = await startDirect(key)
  const server = await startToolServer({ authenticator, ...setup })
  const answer = server.call(good).then(outcomeOf, () => 'no answer')
  return { result: await Promise.race([answer, giveUp(patience)]), handled: server.handled }
}
