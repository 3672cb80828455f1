import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { protect, protectedStdio } from '@onbehalf/mcp'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { modern, type Rpc } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, linkedPair, wire } from './support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from './support/tokens.ts'

// A rejection that nobody handles fails the run as well.
const failing = [
  ['throws', vi.fn<() => void>(() => assert())],
  ['rejects', vi.fn<() => void>(() => Promise.reject(new Error('the logger is gone')) as never)],
] as const

function assert(): never {
  throw new Error('the logger is gone')
}

beforeEach(() => {
  for (const [, fail] of failing) fail.mockClear()
  const silent = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => silent.mockRestore())
})

const clock = () => start
const authenticator = createTokenAuthenticator(clock)
const token = mintToken({ sub: 'ada', org_id: 'acme', iat: start, exp: start + 300 })
const done = expect.objectContaining(reply('done'))

/** What a client that writes lines gets. */
function openPipe() {
  const [input, output] = [new PassThrough(), new PassThrough()]
  onTestFinished(() => void input.end())
  const answers = new Map<unknown, Rpc>()
  output.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString('utf8').trim().split('\n')) {
      const answer = JSON.parse(line) as Rpc
      answers.set(answer.id, answer)
    }
  })
  const write = (text: string): void => void input.write(`${text}\n`)
  return {
    input,
    output,
    write,
    ask: async (message: { readonly id?: unknown }): Promise<Rpc | undefined> => {
      write(JSON.stringify(message))
      for (let round = 0; round < 400 && !answers.has(message.id); round++) await delay(5)
      return answers.get(message.id)
    },
  }
}

describe.each(failing)('a line continues when a callback %s', (_how, fail) => {
  test('that receives errors of a v1 server', async () => {
    const pipe = openPipe()
    const server = protect(makeServer('v1'), { authenticator, clock, token, onEvent: fail })
    server.server.onerror = fail
    server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
    await server.connect(new StdioV1(pipe.input, pipe.output) as never)
    pipe.write('not a message')
    pipe.write('{"jsonrpc":"2.0","id":9,"result":{}}')
    expect((await pipe.ask(call(1, 'any')))?.result).toEqual(done)
    expect(fail.mock.calls.length).toBeGreaterThan(1)
  })

  test('that is notified of a listen stream that could not be opened', async () => {
    const pipe = openPipe()
    let isBroken = true
    const createServer = () => {
      if (isBroken) throw new Error('no database')
      const server = new McpServer({ name: 'test', version: '1' })
      server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
      return server
    }
    const transport = new StdioServerTransport(pipe.input, pipe.output)
    const serve: typeof serveStdio = (create, options) =>
      serveStdio(create, { ...options, onerror: fail as never })
    protectedStdio(serve as never, createServer, { authenticator, clock, token, transport })
    const ask = (id: number) =>
      pipe.ask(modern('tools/call', { name: 'any', arguments: {} }, id).body)
    const wanted = { notifications: { toolsListChanged: true } }
    const refused = await pipe.ask(modern('subscriptions/listen', wanted, 2).body)
    expect(refused?.error).toEqual({ code: -32_603, message: 'Internal error' })
    isBroken = false
    expect((await ask(3))?.result).toEqual(done)
  })
})

describe.each(generations)('a %s server', (generation) => {
  test('continues after a message that could not be delivered', async () => {
    const server = protect(makeServer(generation), { authenticator, clock, token })
    server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
    const [near, far] = linkedPair(generation)
    const received: Rpc[] = []
    near.onmessage = (message: Rpc) => void received.push(message)
    far.onmessage = (message: { readonly id?: unknown }) => {
      if (message.id !== 2) assert()
    }
    await server.connect(far as never)
    await near.start()
    for (const id of [1, 2]) await near.send(call(id, 'any') as never)
    await vi.waitFor(() => expect(received).toHaveLength(2), 30_000)
    expect(received.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, -32_603],
      [2, undefined],
    ])
  })

  test.each(failing)(
    'keeps an onerror that %s, and the caller notices nothing',
    async (_how, fail) => {
      const server = protect(makeServer(generation))
      server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
      server.server.onerror = fail
      const line = await wire(generation, server)
      server.server.onerror?.(new Error('told'))
      expect(fail).toHaveBeenCalledWith(new Error('told'))
      const { result } = await line.ask(call(1, 'any'), 'ada')
      expect(result).toEqual(done)
      server.server.onerror = undefined as never
      expect(server.server.onerror).toBeUndefined()
    },
  )
})
