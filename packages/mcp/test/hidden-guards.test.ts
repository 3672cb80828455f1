import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { completable as completableV2 } from '@modelcontextprotocol/server'
import { user } from '@onbehalf/core/guards'
import { allowPublic, guarded, protect, type Rule, requireOrg, requireUser } from '@onbehalf/mcp'
import { beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation, generations, list, names, reasonOf, wire } from './support/raw.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

type Run = (...params: never[]) => unknown
type Decorate = (handler: Run) => Run

const logged: Decorate =
  (handler) =>
  async (...params) =>
    handler(...params)

class Service {
  readonly #handler: Run
  constructor(handler: Run) {
    this.#handler = handler
  }
  run(...params: never[]): unknown {
    return this.#handler(...params)
  }
}

const decorations: [string, Decorate][] = [
  ['a wrapper', logged],
  ['two wrappers', (handler) => logged(logged(handler))],
  ['bind', (handler) => handler.bind(undefined)],
  ['a proxy', (handler) => new Proxy(handler, {})],
  ['a proxy that shows nothing', (handler) => new Proxy(handler, { get: () => undefined })],
  ['a copy', (handler) => Object.assign(logged(handler), handler)],
  [
    'a method of a class',
    (handler) => {
      const service = new Service(handler)
      return service.run.bind(service)
    },
  ],
  [
    'a late look-up',
    (handler) => {
      const table = { handler }
      return (...params) => table.handler(...params)
    },
  ],
]

const asRun = (handler: unknown): Run => handler as Run
const ofAcme = (text = 'done'): Run => asRun(requireOrg('acme', async () => reply(text)))
const number = z.object({ n: z.number() })

/** A server, what its operator got, and a line to it. */
function serve(generation: Generation, rules: readonly Rule[] = []) {
  const capabilities = { resources: { subscribe: true }, completions: {} }
  const server = protect(makeServer(generation, { capabilities }), { rules })
  const errors: string[] = []
  server.server.onerror = ({ message }) => errors.push(message)
  return { server, errors, connect: () => wire(generation, server) }
}

function tool(server: AnyServer, name: string, handler: Run, inputSchema: object = nothing) {
  return server.registerTool(name, { inputSchema: inputSchema as never }, handler as never)
}

const nextJob = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

// What other tests made and dropped may no longer count.
beforeEach(async () => {
  await nextJob()
  collect()
  await nextJob()
  collect()
})

describe.each(generations)('a guard under a wrapper, on a %s server', (generation) => {
  describe.each(decorations)('%s', (_name, decorate) => {
    test('still hides a tool and refuses it before validation', async () => {
      const { server, connect } = serve(generation)
      tool(server, 'secret', decorate(ofAcme()), number)
      const line = await connect()
      expect(names(await line.ask(list(1), 'eve'))).toEqual([])
      expect(names(await line.ask(list(2), 'ada'))).toEqual(['secret'])
      expect(reasonOf(await line.ask(call(3, 'secret', { n: 'x' }), 'eve'))).toBe('org_mismatch')
      expect((await line.ask(call(4, 'secret', { n: 1 }), 'ada')).result).toMatchObject(
        reply('done'),
      )
    })

    test('still hides it when it was made before the server, by itself and with others', async () => {
      const early = decorate(ofAcme())
      const other = decorate(asRun(requireOrg('globex', async () => reply('other'))))
      await nextJob()
      for (let server = 0; server < 2; server++) {
        const { server, connect } = serve(generation)
        tool(server, 'early', early)
        tool(server, 'other', other)
        const line = await connect()
        expect(names(await line.ask(list(1), 'eve'))).not.toContain('early')
        expect(names(await line.ask(list(2), 'ada'))).not.toContain('other')
        expect(reasonOf(await line.ask(call(3, 'early'), 'eve'))).toBe('org_mismatch')
        expect((await line.ask(call(4, 'early'), 'ada')).result).toMatchObject(reply('done'))
        expect((await line.ask(call(5, 'other'), 'eve')).result).toMatchObject(reply('other'))
        expect(names(await line.ask(list(6), 'ada'))).toEqual(['early'])
        expect(names(await line.ask(list(7), 'eve'))).toEqual(['other'])
      }
    })

    test('still refuses completions and subscriptions', async () => {
      const { server, connect } = serve(generation)
      server.server.setRequestHandler(
        (generation === 'v1' ? SubscribeRequestSchema : 'resources/subscribe') as never,
        async () => ({}),
      )
      const read = requireOrg('acme', async () => ({ contents: [] })) as Run
      server.registerResource('r', 'docs://r', {}, decorate(read) as never)
      const completable =
        generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
      const shape = { customer: completable(z.string(), () => ['Initech']) }
      const argsSchema = generation === 'v1' ? shape : z.object(shape)
      const ask = requireOrg('acme', async () => ({ messages: [] })) as Run
      server.registerPrompt('p', { argsSchema: argsSchema as never }, decorate(ask) as never)
      const line = await connect()
      const subscribe = { method: 'resources/subscribe', params: { uri: 'docs://r' } }
      const complete = {
        method: 'completion/complete',
        params: {
          ref: { type: 'ref/prompt', name: 'p' },
          argument: { name: 'customer', value: '' },
        },
      }
      for (const [id, request] of [subscribe, complete].entries()) {
        const message = { jsonrpc: '2.0', ...request }
        const refused = await line.ask({ ...message, id: `${id} of eve` }, 'eve')
        expect(refused.error?.data).toMatchObject({ reason: 'org_mismatch' })
        expect((await line.ask({ ...message, id: `${id} of ada` }, 'ada')).error).toBeUndefined()
      }
    })
  })

  test('is reported to the operator once an item', async () => {
    const { server, errors, connect } = serve(generation)
    tool(server, 'hidden_a', logged(ofAcme()))
    tool(server, 'shown', ofAcme())
    const line = await connect()
    for (const id of [1, 2]) await line.ask(list(id), 'ada')
    await line.ask(call(3, 'hidden_a'), 'ada')
    expect(errors).toEqual([
      'The guard of tool hidden_a is hidden by a wrapper: guard the wrapped handler instead',
    ])
  })

  test('counts under allowPublic as well', async () => {
    const { server, connect } = serve(generation)
    tool(server, 'open', allowPublic(logged(ofAcme()) as never) as Run)
    const early = allowPublic(logged(ofAcme()) as never) as Run
    await nextJob()
    tool(server, 'early', early)
    const line = await connect()
    expect(names(await line.ask(list(1)))).not.toContain('open')
    expect(reasonOf(await line.ask(call(2, 'open')))).toBe('identity_missing')
    expect(reasonOf(await line.ask(call(3, 'early')))).toBe('identity_missing')
    // From now on it is known.
    expect(names(await line.ask(list(4)))).toEqual([])
    expect(names(await line.ask(list(5), 'ada'))).toEqual(['early', 'open'])
  })

  test('counts inside another guard, once it decided', async () => {
    const { server, connect } = serve(generation)
    const inner = logged(ofAcme())
    tool(server, 'nested', requireUser(inner as never) as Run)
    const line = await connect()
    expect(reasonOf(await line.ask(call(1, 'nested'), 'eve'))).toBe('org_mismatch')
    expect(names(await line.ask(list(2), 'eve'))).toEqual([])
    expect(names(await line.ask(list(3), 'ada'))).toEqual(['nested'])
  })

  test('counts in a handler that update brings', async () => {
    const { server, connect } = serve(generation)
    const registered = tool(server, 'changing', async () => reply('plain'))
    const line = await connect()
    registered.update({ callback: logged(ofAcme()) as never })
    expect(names(await line.ask(list(1), 'eve'))).toEqual([])
    expect(reasonOf(await line.ask(call(2, 'changing'), 'eve'))).toBe('org_mismatch')
  })

  test('counts in a handler that was registered before the server was protected', async () => {
    const bare = makeServer(generation)
    tool(bare, 'older', logged(ofAcme()))
    const server = protect(bare)
    const line = await wire(generation, server)
    expect(names(await line.ask(list(1), 'eve'))).toEqual([])
    expect(reasonOf(await line.ask(call(2, 'older'), 'eve'))).toBe('org_mismatch')
    expect((await line.ask(call(3, 'older'), 'ada')).result).toMatchObject(reply('done'))
  })

  test('is found when its handler is also registered by itself, once it decided', async () => {
    const { server, errors, connect } = serve(generation)
    const handler = ofAcme()
    tool(server, 'direct', handler)
    tool(server, 'twice', logged(handler))
    const line = await connect()
    expect(reasonOf(await line.ask(call(1, 'twice'), 'eve'))).toBe('org_mismatch')
    expect(names(await line.ask(list(2), 'eve'))).toEqual([])
    expect(names(await line.ask(list(3), 'ada'))).toEqual(['direct', 'twice'])
    expect(errors).toEqual([
      'The guard of tool twice is hidden by a wrapper: guard the wrapped handler instead',
    ])
  })

  test('is found on a context that was torn out of its request', async () => {
    const handler = ofAcme()
    const torn: Run = (async (
      _args: never,
      context: { authInfo?: object; http?: { authInfo: object } },
    ) => {
      const authInfo = context.authInfo ?? context.http?.authInfo
      await handler({} as never, { authInfo } as never)
      return reply('swallowed')
    }) as never
    await nextJob()
    const { server, connect } = serve(generation)
    tool(server, 'torn', torn)
    const line = await connect()
    for (const caller of ['ada', 'eve']) await line.ask(call(caller, 'torn'), caller)
    expect(names(await line.ask(list(1), 'eve'))).toEqual([])
  })
})

describe.each(generations)('an item without a guard, on a %s server', (generation) => {
  test('is unaffected by guarded handlers that are registered later in the same job', async () => {
    const handlers = [ofAcme('a'), ofAcme('b'), asRun(guarded(user(), async () => reply('c')))]
    const { server, errors, connect } = serve(generation)
    tool(server, 'plain', async () => reply('plain'))
    for (const [index, handler] of handlers.entries()) tool(server, `guarded_${index}`, handler)
    const line = await connect()
    expect(names(await line.ask(list(1), 'eve'))).toEqual(['guarded_2', 'plain'])
    expect(errors).toEqual([])
  })

  test('is refused in lists while it may hide a guard, until it ran or a rule covers it', async () => {
    const early = logged(ofAcme())
    await nextJob()
    const { server, errors, connect } = serve(generation)
    tool(server, 'early', early)
    tool(server, 'maybe', async () => reply('plain'))
    const line = await connect()
    expect(names(await line.ask(list(1), 'ada'))).toEqual([])
    expect(errors).toEqual(
      ['early', 'maybe'].map(
        (name) =>
          `tool ${name} may hide a guard, and is refused in lists, completions and subscriptions: ` +
          'guard the wrapped handler instead, or cover it with a rule',
      ),
    )
    expect((await line.ask(call(2, 'maybe'), 'eve')).result).toMatchObject(reply('plain'))
    expect(names(await line.ask(list(3), 'eve'))).toEqual(['maybe'])

    const ruled = serve(generation, [{ kind: 'tool', name: 'ruled', guard: user() }])
    tool(ruled.server, 'ruled', async () => reply('plain'))
    expect(names(await (await ruled.connect()).ask(list(4), 'eve'))).toEqual(['ruled'])
    const open = serve(generation, [{ kind: 'tool', name: 'open', guard: 'public' }])
    tool(open.server, 'open', early)
    expect(names(await (await open.connect()).ask(list(5)))).toEqual([])
  })

  test('is listed again when what it might have wrapped is gone', async () => {
    ofAcme('dropped')
    await nextJob()
    collect()
    const { server, connect } = serve(generation)
    tool(server, 'plain', async () => reply('plain'))
    expect(names(await (await connect()).ask(list(1), 'eve'))).toEqual(['plain'])
  })
})

describe('guarded handlers', () => {
  test('leave nothing behind, however many are made', async () => {
    const used = async (): Promise<number> => {
      // Records of what was collected are removed some turns later.
      for (let round = 0; round < 10; round++) {
        collect()
        await nextJob()
      }
      return process.memoryUsage().heapUsed
    }
    const makeMany = async (): Promise<void> => {
      for (let job = 0; job < 100; job++) {
        for (let made = 0; made < 1_000; made++) ofAcme()
        await nextJob()
      }
    }
    await makeMany()
    const before = await used()
    await makeMany()
    expect((await used()) - before).toBeLessThan(1_000_000)
  })

  test('warn once when they run on a server that is not protected', async () => {
    const warnings: string[] = []
    const listen = (warning: Error & { code?: string }) => {
      if (warning.code === 'ONBEHALF_UNPROTECTED') warnings.push(warning.message)
    }
    process.on('warning', listen)
    const server = makeServer('v1')
    tool(server, 'alone', ofAcme())
    const line = await wire('v1', server)
    expect(reasonOf(await line.ask(call(1, 'alone'), 'eve'))).toBe('org_mismatch')
    expect((await line.ask(call(2, 'alone'), 'ada')).result).toMatchObject(reply('done'))
    await nextJob()
    process.off('warning', listen)
    expect(warnings.length).toBeLessThanOrEqual(1)
  })
})
