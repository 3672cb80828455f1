import { setTimeout as delay } from 'node:timers/promises'
import { check } from '@onbehalf/core/guards'
import {
  allowPublic,
  currentIdentity,
  type DecisionEvent,
  guarded,
  protect,
  requireOrg,
} from '@onbehalf/mcp'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { authInfoOf } from './support/callers.ts'
import { type AnyServer, deferred, makeServer, nothing, reply } from './support/make-server.ts'
import {
  bareWire,
  call,
  cancel,
  generations,
  linkedPair,
  list,
  type Message,
  names,
  ping,
  reasonOf,
  wire,
} from './support/raw.ts'

const internalError = { code: -32_603, message: 'Internal error' }
const inUse = { code: -32_600, message: 'Request id already in use' }

afterEach(() => {
  vi.restoreAllMocks()
})

function errorsOf(server: AnyServer): string[] {
  const errors: string[] = []
  server.server.onerror = ({ message }) => errors.push(message)
  return errors
}

describe.each(generations)('gate of a %s server', (generation) => {
  /** A server with a tool that waits, and one that only acme may see. */
  function slowServer(): { server: AnyServer; release: () => void; ran: string[] } {
    const { promise, resolve } = deferred()
    const ran: string[] = []
    const server = protect(makeServer(generation), { trackIdentity: true })
    server.registerTool('slow', { inputSchema: nothing }, async () => {
      ran.push('slow')
      await promise
      return reply(`for ${currentIdentity()?.subject}`)
    })
    const secret = requireOrg('acme', async (_args: object) => reply('secret'))
    server.registerTool('secret', { inputSchema: nothing }, secret)
    return { server, release: resolve, ran }
  }

  describe('request ids', () => {
    test('refuses an id in flight and still answers the first request', async () => {
      const { server, release } = slowServer()
      const line = await wire(generation, server)
      line.send(call(1, 'slow'), 'ada')
      line.send(ping(1), 'ada')
      await line.settle()
      expect(line.received).toEqual([{ jsonrpc: '2.0', id: 1, error: inUse }])
      release()
      await line.settle()
      expect(line.received[1]?.result).toMatchObject(reply('for ada'))
    })

    test('takes a number and its digits for two ids', async () => {
      const { server, release } = slowServer()
      const line = await wire(generation, server)
      line.send(call(1, 'slow'), 'ada')
      line.send(call('1', 'slow'), 'eve')
      release()
      await line.settle()
      const answers = new Map(line.received.map((answer) => [answer.id, answer.result]))
      expect(answers.get(1)).toMatchObject(reply('for ada'))
      expect(answers.get('1')).toMatchObject(reply('for eve'))
    })

    test('takes an id again after its answer', async () => {
      const { server } = slowServer()
      const line = await wire(generation, server)
      expect(names(await line.ask(list(7), 'eve'))).toEqual(['slow'])
      line.received.length = 0
      expect(await line.ask(ping(7), 'eve')).toMatchObject({ result: {} })
    })

    test('takes an id again a minute after its cancellation, and not before', async () => {
      const { server, ran } = slowServer()
      const line = await wire(generation, server)
      line.send(call(7, 'slow'), 'ada')
      await line.settle()
      line.send(cancel(7), 'ada')
      await line.settle()
      const now = performance.now()
      const clock = vi.spyOn(performance, 'now').mockReturnValue(now + 59_900)
      expect(await line.ask(ping(7), 'ada')).toMatchObject({ error: inUse })
      line.received.length = 0
      clock.mockReturnValue(now + 60_100)
      expect(await line.ask(ping(7), 'ada')).toMatchObject({ result: {} })
      expect(ran).toEqual(['slow'])
    })

    test('forgets the ids that were cancelled first, and keeps no more than it may', async () => {
      const { server } = slowServer()
      const line = await wire(generation, server)
      for (let id = 1; id <= 10_001; id++) {
        line.send(call(id, 'slow'), 'ada')
        line.send(cancel(id), 'ada')
      }
      await line.settle()
      expect(await line.ask(ping(1), 'ada')).toMatchObject({ result: {} })
      expect(await line.ask(ping(10_001), 'ada')).toMatchObject({ error: inUse })
    }, 120_000)

    test.each([5, 0, '', 'x'])(
      'lets no list out under a cancelled and reused id %j',
      async (id) => {
        const { server } = slowServer()
        const line = await wire(generation, server)
        line.send(list(id), 'eve')
        line.send(cancel(id), 'eve')
        line.send(ping(id), 'eve')
        line.send(list(id), 'eve')
        await line.settle()
        expect(JSON.stringify(line.received)).not.toContain('secret')
      },
    )

    test('gives a cancelled call’s answer to nobody who reuses its id', async () => {
      const { server, release } = slowServer()
      const line = await wire(generation, server)
      line.send(call(0, 'slow'), 'ada')
      await line.settle()
      line.send(cancel(0), 'ada')
      line.send(ping(0), 'eve')
      release()
      await line.settle()
      expect(JSON.stringify(line.received)).not.toContain('for ada')
    })

    test('lets nobody cancel the request of another principal', async () => {
      const { server, release } = slowServer()
      const line = await wire(generation, server)
      line.send(call(1, 'slow'), 'ada')
      await line.settle()
      line.send(cancel(1), 'eve')
      line.send(cancel(1))
      line.send(ping(1), 'eve')
      await line.settle()
      expect(line.received).toEqual([{ jsonrpc: '2.0', id: 1, error: inUse }])
      release()
      await line.settle()
      expect(line.received[1]?.result).toMatchObject(reply('for ada'))
    })

    test('refuses more requests in flight than it can keep', async () => {
      const never = new Promise<boolean>(() => {})
      const server = protect(makeServer(generation))
      const waits = check('waits', () => never)
      server.registerTool(
        'waits',
        { inputSchema: nothing },
        guarded(waits, async (_args: object) => reply('')),
      )
      const line = await wire(generation, server)
      for (let id = 0; id < 10_000; id++) line.send(call(id, 'waits'), 'ada')
      expect(await line.ask(ping('last'), 'ada')).toMatchObject({
        error: { code: 31_429, message: 'Too many requests in flight' },
      })
      line.send(cancel(1), 'ada')
      line.received.length = 0
      expect(await line.ask(ping('last'), 'ada')).toMatchObject({ result: {} })
    })
  })

  describe('while a guard decides', () => {
    function askingServer() {
      const { promise, resolve } = deferred<boolean>()
      const ran: string[] = []
      const server = protect(makeServer(generation))
      const asks = check('asks', () => promise)
      const handler = guarded(asks, async (_args: object) => {
        ran.push('asks')
        return reply('asked')
      })
      server.registerTool('asks', { inputSchema: nothing }, handler)
      return { server, decide: resolve, ran }
    }

    test('drops a call that is cancelled', async () => {
      const { server, decide, ran } = askingServer()
      const line = await wire(generation, server)
      line.send(call(1, 'asks'), 'ada')
      line.send(cancel(1), 'ada')
      decide(true)
      await line.settle()
      expect(ran).toEqual([])
      expect(line.received).toEqual([])
      expect(await line.ask(ping(1), 'ada')).toMatchObject({ result: {} })
    })

    test('leaves the id to a later call when it decides on a cancelled one at last', async () => {
      const { server, decide, ran } = askingServer()
      const { promise, resolve } = deferred()
      server.registerTool('later', { inputSchema: nothing }, async () => {
        await promise
        return reply('later')
      })
      const line = await wire(generation, server)
      line.send(call(1, 'asks'), 'ada')
      line.send(cancel(1), 'ada')
      await line.settle()
      vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_100)
      line.send(call(1, 'later'), 'ada')
      await line.settle()
      decide(true)
      await line.settle()
      resolve()
      await line.settle()
      expect(ran).toEqual([])
      expect(line.received.map(({ result }) => result)).toEqual([
        expect.objectContaining(reply('later')),
      ])
    })

    test('drops a call whose connection closes', async () => {
      const { server, decide, ran } = askingServer()
      const line = await wire(generation, server)
      line.send(call(1, 'asks'), 'ada')
      await line.close()
      decide(true)
      await line.settle()
      expect(ran).toEqual([])
    })

    test('keeps the id of the call', async () => {
      const { server, decide, ran } = askingServer()
      const line = await wire(generation, server)
      line.send(call(1, 'asks'), 'ada')
      expect(await line.ask(ping(1), 'ada')).toMatchObject({ error: inUse })
      decide(true)
      await line.settle()
      expect(ran).toEqual(['asks'])
    })
  })

  describe('messages', () => {
    test('decides on those that waited for the server to connect', async () => {
      const { server, ran } = slowServer()
      const [near, far] = linkedPair(generation)
      const received: Message[] = []
      near.onmessage = (message) => received.push(message)
      await near.send(call(1, 'slow') as never)
      await near.send(list(2) as never)
      await server.connect(far as never)
      await delay(20)
      expect(ran).toEqual([])
      expect(reasonOf(received.find(({ id }) => id === 1)!)).toBe('identity_missing')
      expect(JSON.stringify(received)).not.toContain('secret')
    })

    test.each([
      ['prompts/get', { name: 'x' }],
      ['resources/read', { uri: 'file:///x' }],
      ['resources/subscribe', { uri: 'file:///x' }],
      ['completion/complete', { ref: {}, argument: {} }],
      ['logging/setLevel', { level: 'debug' }],
      ['tasks/list', {}],
      ['acme/custom', {}],
    ])('refuses %s to a caller without an identity', async (method, params) => {
      const { server } = slowServer()
      const line = await wire(generation, server)
      const answer = await line.ask({ jsonrpc: '2.0', id: 1, method, params })
      expect(answer.error).toEqual({
        code: 31_401,
        message: 'Access denied: the call carries no verified identity.',
        data: { reason: 'identity_missing', guard: 'identity', required: {} },
      })
    })

    test.each([
      ['no params', undefined],
      ['a list for params', []],
      ['no name', { arguments: {} }],
      ['a name that is not a string', { name: ['slow'] }],
      ['a name with a space', { name: 'slow ' }],
      ['a name in other letters', { name: 'SLOW' }],
    ])('runs nothing for a call with %s', async (_what, params) => {
      const { server, ran } = slowServer()
      const line = await wire(generation, server)
      const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
      expect(reasonOf(await line.ask(request))).toBe('identity_missing')
      line.received.length = 0
      line.send(request, 'ada')
      await line.settle()
      expect(ran).toEqual([])
    })

    test.each([
      ['an id that is null', { jsonrpc: '2.0', id: null, method: 'tools/call' }],
      ['an id that is a fraction', { jsonrpc: '2.0', id: 1.5, method: 'tools/list' }],
      ['a method that is not a string', { jsonrpc: '2.0', id: 1, method: ['tools/list'] }],
      ['nothing in it', {}],
    ])('drops a message with %s', async (_what, message) => {
      const { server } = slowServer()
      const [near, far] = linkedPair(generation)
      const [received, reached]: [unknown[], unknown[]] = [[], []]
      near.onmessage = (answer) => received.push(answer)
      // The SDKs call what was there before them: it sees what the gate lets through.
      far.onmessage = (delivered) => reached.push(delivered)
      await server.connect(far as never)
      await near.send(message as never, { authInfo: authInfoOf('ada') } as never)
      await delay(10)
      expect([received, reached]).toEqual([[], []])
    })

    test('tells notification handlers who sent the notification', async () => {
      const server = protect(makeServer(generation), { trackIdentity: true })
      const seen: (string | undefined)[] = []
      const handler = async () => {
        await Promise.resolve()
        seen.push(currentIdentity()?.subject)
      }
      server.server.oninitialized = () => void handler()
      const line = await bareWire(generation, server)
      for (const caller of ['ada', undefined, 'copy-of-ada', 'late', 'eve']) {
        line.send({ jsonrpc: '2.0', method: 'notifications/initialized' }, caller)
      }
      await line.settle()
      expect(seen).toEqual(['ada', undefined, undefined, undefined, 'eve'])
    })

    test.each([
      ['an id that is a fraction', { jsonrpc: '2.0', id: 1.5, method: 'tools/list' }],
      ['nothing in it', {}],
    ])('reports a message with %s to the operator', async (_what, message) => {
      const { server } = slowServer()
      const errors = errorsOf(server)
      const line = await wire(generation, server)
      line.send(message, 'ada')
      await line.settle()
      expect(errors).toEqual(['Received neither a request nor an answer nor a notification'])
    })
  })

  describe('questions of the server', () => {
    async function askedServer() {
      const server = protect(makeServer(generation))
      server.registerTool('ask', { inputSchema: nothing }, async () => {
        const { content } = await server.server.elicitInput({
          message: 'Name?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
        })
        return reply(`named ${String(content?.['name'])}`)
      })
      const line = await wire(generation, server)
      line.send(call(1, 'ask'), 'ada')
      await line.settle()
      const question = line.received.find(({ method }) => method === 'elicitation/create')
      const answer = (name: string) => ({
        jsonrpc: '2.0',
        id: question?.id,
        result: { action: 'accept', content: { name } },
      })
      return { line, answer, server }
    }

    test('are answered by the principal who was asked, and by nobody else', async () => {
      const { line, answer } = await askedServer()
      line.send(answer('mallory'), 'eve')
      line.send(answer('mallory'))
      line.send({ jsonrpc: '2.0', id: 99, result: {} }, 'ada')
      await line.settle()
      expect(line.received.some(({ id }) => id === 1)).toBe(false)
      line.send(answer('ada'), 'ada')
      await line.settle()
      expect(line.received.find(({ id }) => id === 1)?.result).toMatchObject(reply('named ada'))
    })

    test('are not kept open by the progress that another principal tells', async () => {
      const events: DecisionEvent[] = []
      const server = protect(makeServer(generation), {
        onEvent: (event) => event.type === 'decision' && events.push(event),
      })
      const progress: unknown[] = []
      server.registerTool('ask', { inputSchema: nothing }, async () => {
        const onprogress = (told: unknown) => progress.push(told)
        const schema = { message: 'Name?', requestedSchema: { type: 'object', properties: {} } }
        await server.server.elicitInput(schema as never, { onprogress })
        return reply('answered')
      })
      const line = await wire(generation, server)
      line.send(call(1, 'ask'), 'ada')
      await line.settle()
      const question = line.received.find(({ method }) => method === 'elicitation/create')
      const tell = (value: number, caller?: string) =>
        line.send(
          {
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: question?.id, progress: value },
          },
          caller,
        )
      tell(1, 'eve')
      tell(2)
      tell(3, 'ada')
      await line.settle()
      expect(progress).toEqual([{ progress: 3 }])
      const denied = events.filter(({ decision }) => decision.effect === 'deny')
      expect(denied.map(({ identity }) => identity?.subject)).toEqual(['eve', undefined])
      await line.close()
    })

    test.each([
      ['an id that nothing was asked under', 99, 'ada'],
      ['another caller', 0, 'eve'],
      ['nobody', 0, undefined],
    ])('report an answer that is not expected: %s', async (_what, id, caller) => {
      const { line, server } = await askedServer()
      const errors = errorsOf(server)
      const result = { action: 'accept', content: { name: 'x' } }
      line.send({ jsonrpc: '2.0', id, result }, caller)
      await line.settle()
      expect(errors).toEqual(['Received an answer to what its sender was not asked'])
    })

    test('asked without a word about the call are for nobody where several wait', async () => {
      const server = protect(makeServer(generation))
      let ask = (): void => {}
      const asked = new Promise<string>((resolve) => {
        ask = () =>
          void server.server.listRoots(undefined, { timeout: 200 }).then(
            () => resolve('answered'),
            () => resolve('timed out'),
          )
      })
      const { promise, resolve } = deferred()
      server.registerTool('wait', { inputSchema: nothing }, async () => {
        await promise
        return reply('done')
      })
      const line = await bareWire(generation, server)
      const clientInfo = { name: 'raw', version: '1' }
      const params = { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo }
      await line.ask({ jsonrpc: '2.0', id: 'hello', method: 'initialize', params }, 'ada')
      line.send(call(1, 'wait'), 'ada')
      line.send(call(2, 'wait'), 'eve')
      await line.settle()
      ask()
      await line.settle()
      const question = line.received.find(({ method }) => method === 'roots/list')
      for (const caller of ['ada', 'eve']) {
        line.send({ jsonrpc: '2.0', id: question?.id, result: { roots: [] } }, caller)
      }
      expect(await asked).toBe('timed out')
      resolve()
    })

    /** The server asks while it serves nobody; who then answers for its only caller? */
    async function askOutside(callers: readonly string[]) {
      const server = protect(makeServer(generation))
      const line = await bareWire(generation, server)
      const clientInfo = { name: 'raw', version: '1' }
      const params = { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo }
      for (const [id, caller] of callers.entries()) {
        await line.ask({ jsonrpc: '2.0', id, method: 'initialize', params }, caller)
      }
      const roots = server.server.listRoots(undefined, { timeout: 200 }).then(
        () => 'answered',
        () => 'timed out',
      )
      await line.settle()
      const question = line.received.find(({ method }) => method === 'roots/list')
      const answer = { jsonrpc: '2.0', id: question?.id, result: { roots: [] } }
      return { line, answer, roots }
    }

    test('asked outside any call are for the only caller there is', async () => {
      const { line, answer, roots } = await askOutside(['ada', 'ada'])
      line.send(answer, 'ada')
      expect(await roots).toBe('answered')
    })

    test('asked outside any call are not for another one', async () => {
      const { line, answer, roots } = await askOutside(['ada'])
      line.send(answer, 'eve')
      line.send(answer)
      expect(await roots).toBe('timed out')
    })

    test('asked outside any call are for nobody where several speak', async () => {
      const { line, answer, roots } = await askOutside(['ada', 'eve'])
      for (const caller of ['ada', 'eve', undefined]) line.send(answer, caller)
      expect(await roots).toBe('timed out')
    })
  })

  describe('answers of the server', () => {
    test.each(['unknown', 'answered', 'cancelled'] as const)(
      'to a request that is %s are reported and reject',
      async (state) => {
        const server = protect(makeServer(generation))
        const errors = errorsOf(server)
        const line = await wire(generation, server)
        if (state === 'answered') await line.ask(ping(5), 'ada')
        if (state === 'cancelled') line.send(cancel(5), 'ada')
        await line.settle()
        line.received.length = 0
        const late = { jsonrpc: '2.0', id: 5, result: {} } as const
        await expect(server.server.transport?.send(late)).rejects.toThrow(
          'Sent an answer that nobody waits for',
        )
        expect(errors).toEqual(['Sent an answer that nobody waits for'])
        expect(line.received).toEqual([])
      },
    )
  })

  describe('failures', () => {
    test('answers an exception underneath with fixed text and notifies the operator', async () => {
      const server = protect(makeServer(generation))
      const errors: Error[] = []
      server.server.onerror = (error) => errors.push(error)
      const [near, far] = linkedPair(generation)
      const received: Message[] = []
      near.onmessage = (message) => received.push(message)
      far.onmessage = () => {
        throw new Error('the password is hunter2')
      }
      await server.connect(far as never)
      await near.start()
      await near.send(ping(1) as never)
      await near.send({ jsonrpc: '2.0', method: 'notifications/initialized' } as never)
      await delay(20)
      expect(received).toEqual([{ jsonrpc: '2.0', id: 1, error: internalError }])
      expect(errors.map(({ message }) => message)).toEqual([
        'the password is hunter2',
        'the password is hunter2',
      ])
    })

    test('never refuses within the call of the transport', async () => {
      const { server } = slowServer()
      const [, far] = linkedPair(generation)
      let isDelivering = false
      const sent: [id: unknown, during: boolean][] = []
      far.send = async (message: Message) => {
        sent.push([message.id, isDelivering])
      }
      await server.connect(far as never)
      isDelivering = true
      far.onmessage?.(call(1, 'slow') as never)
      far.onmessage?.(call(1, 'slow') as never)
      isDelivering = false
      await delay(10)
      expect(sent).toEqual([
        [1, false],
        [1, false],
      ])
    })

    test('withholds an answer that it could not filter', async () => {
      let isBroken = false
      const clock = () => {
        if (isBroken) throw new Error('no time')
        return Date.now() / 1000
      }
      const server = protect(makeServer(generation), { clock })
      const errors: string[] = []
      server.server.onerror = ({ message }) => errors.push(message)
      const handler = requireOrg('acme', async (_args: object) => reply('secret'))
      server.registerTool('secret', { inputSchema: nothing }, handler)
      const line = await wire(generation, server)
      line.send(list(1), 'ada')
      isBroken = true
      await line.settle()
      line.send(list(2), 'ada')
      await line.settle()
      expect(line.received).toEqual([
        { jsonrpc: '2.0', id: 1, error: internalError },
        { jsonrpc: '2.0', id: 2, error: internalError },
      ])
      expect(errors).toEqual(['no time', 'no time'])
    })

    test('reports to the operator a refusal that could not be sent', async () => {
      const server = protect(makeServer(generation))
      const errors: Error[] = []
      server.server.onerror = (error) => errors.push(error)
      const [near, far] = linkedPair(generation)
      near.onmessage = () => {
        throw new Error('broken pipe')
      }
      await server.connect(far as never)
      await near.start()
      await near.send(call(1, 'x') as never)
      await delay(20)
      expect(errors.map(({ message }) => message)).toEqual(['broken pipe'])
    })
  })

  describe('decisions', () => {
    test('are reported to the operator, with names that the server gave', async () => {
      const events: DecisionEvent[] = []
      const server = protect(makeServer(generation), {
        onEvent: (event) => event.type === 'decision' && events.push(event),
      })
      const secret = requireOrg('acme', async (_args: object) => reply('secret'))
      server.registerTool('secret', { inputSchema: nothing }, secret)
      const health = allowPublic(async (_args: object) => reply('ok'))
      server.registerTool('health', { inputSchema: nothing }, health)
      const line = await wire(generation, server)
      events.length = 0
      await line.ask(call(1, 'secret'), 'ada')
      await line.ask(call(2, 'secret'), 'eve')
      await line.ask(call(3, 'made up'), 'eve')
      await line.ask(call(4, 'health'))
      await line.ask({ jsonrpc: '2.0', id: 5, method: 'tasks/list' })
      await line.ask(list(6), 'eve')
      const told = events.map(({ method, tool, identity, decision }) => [
        method,
        tool,
        identity?.subject,
        decision.effect === 'deny' ? decision.reason : decision.effect,
      ])
      expect(told).toEqual([
        ['tools/call', 'secret', 'ada', 'allow'],
        ['tools/call', 'secret', 'eve', 'org_mismatch'],
        ['tools/call', undefined, 'eve', 'allow'],
        ['tools/call', 'health', undefined, 'allow'],
        ['tasks/list', undefined, undefined, 'identity_missing'],
      ])
    })

    test('on validated arguments are reported as well', async () => {
      const events: DecisionEvent[] = []
      const server = protect(makeServer(generation), {
        onEvent: (event) => event.type === 'decision' && events.push(event),
      })
      const orgId = z.object({ orgId: z.string().transform(() => 'globex') })
      const ledger = requireOrg({ match: (args) => args.orgId }, async (_args: { orgId: string }) =>
        reply('ran'),
      )
      server.registerTool('ledger', { inputSchema: orgId }, ledger as never)
      const line = await wire(generation, server)
      events.length = 0
      expect(reasonOf(await line.ask(call(1, 'ledger', { orgId: 'acme' }), 'ada'))).toBe(
        'org_mismatch',
      )
      expect(events.map(({ decision }) => decision.effect)).toEqual(['allow', 'deny'])
    })

    test('stand when the observer throws', async () => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      onTestFinished(() => warn.mockRestore())
      const onEvent = () => {
        throw new Error('disk full')
      }
      const server = protect(makeServer(generation), { onEvent })
      server.registerTool('plain', { inputSchema: nothing }, async () => reply('ran'))
      const line = await wire(generation, server)
      expect(await line.ask(call(1, 'plain'), 'ada')).toMatchObject({ result: reply('ran') })
      expect(reasonOf(await line.ask(call(2, 'plain')))).toBe('identity_missing')
      const warning = { type: 'OnbehalfWarning', code: 'ONBEHALF_OBSERVER' }
      expect(warn.mock.calls).toEqual([
        ['onEvent failed', warning],
        ['onEvent failed', warning],
      ])
    })

    test('use the clock of the server, also on validated arguments', async () => {
      let now = Date.now() / 1000
      const server = protect(makeServer(generation), { clock: () => now })
      const any = requireOrg(async (_args: object) => reply('ran'))
      server.registerTool('any', { inputSchema: nothing }, any)
      const line = await wire(generation, server)
      expect(await line.ask(call(1, 'any'), 'ada')).toMatchObject({ result: reply('ran') })
      now += 3600
      expect(reasonOf(await line.ask(call(2, 'any'), 'ada'))).toBe('identity_expired')
      now = 0
      expect(await line.ask(call(3, 'any'), 'late')).toMatchObject({ result: reply('ran') })
    })
  })

  test('sees the very AuthInfo that the transport delivers', async () => {
    const server = protect(makeServer(generation))
    const [near, far] = linkedPair(generation)
    const received: Message[] = []
    near.onmessage = (message) => received.push(message)
    server.registerTool('plain', { inputSchema: nothing }, async () => reply('ran'))
    await server.connect(far as never)
    await near.start()
    const authInfo = authInfoOf('ada')
    await near.send(call(1, 'plain') as never, { authInfo } as never)
    await near.send(
      call(2, 'plain') as never,
      { authInfo: structuredClone({ ...authInfo }) } as never,
    )
    await delay(20)
    expect(received.find(({ id }) => id === 1)?.result).toMatchObject(reply('ran'))
    expect(reasonOf(received.find(({ id }) => id === 2)!)).toBe('identity_missing')
  })
})
