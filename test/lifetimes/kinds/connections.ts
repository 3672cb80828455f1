import { PassThrough } from 'node:stream'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { protect } from '@onbehalf/mcp'
import { makeServer, nothing, reply } from '../../../packages/mcp/test/support/make-server.ts'
import {
  call,
  cancel,
  type Generation,
  linkedPair,
} from '../../../packages/mcp/test/support/raw.ts'
import type { Census } from '../census.ts'
import { assertSame, initialize, type Kind, settings, token } from '../kind.ts'
import { type Received, readLines } from '../lines.ts'

// One object: the validators of the SDKs keep each schema that they have seen.
const form = { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } } as const

function createServer(generation: Generation, census: Census) {
  const server = protect(makeServer(generation), { ...settings, token })
  server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
  server.registerTool('ask', { inputSchema: nothing }, async (_args, extra) => {
    const { requestId, mcpReq } = extra as { requestId?: number; mcpReq?: { id: number } }
    const relatedRequestId = requestId ?? mcpReq?.id ?? 0
    const { action } = await server.server.elicitInput(form, { relatedRequestId })
    return reply(action)
  })
  census.track(server)
  return server
}

/** A client in memory that accepts whatever it is asked. */
async function connect(generation: Generation, census: Census) {
  const [near, far] = linkedPair(generation)
  census.track(far)
  const server = createServer(generation, census)
  const waiting = new Map<unknown, (message: Received) => void>()
  near.onmessage = (message: Received) => {
    if (message.method !== undefined) {
      const result = { action: 'accept', content: {} }
      return void near.send({ jsonrpc: '2.0', id: message.id, result } as never)
    }
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  }
  await server.connect(far as never)
  await near.start()
  const send = (message: object) => near.send(message as never)
  const ask = (message: { readonly id: unknown }): Promise<Received> =>
    new Promise((resolve) => {
      waiting.set(message.id, resolve)
      void send(message)
    })
  await ask(initialize)
  return { send, ask, close: () => near.close() }
}

function assertText(answer: Received, text: string): void {
  assertSame(JSON.stringify(answer).includes(text), true, JSON.stringify(answer))
}

function connections(generation: Generation): Kind {
  return {
    name: `${generation} in memory: a connection`,
    start: async (census) => ({
      round: async (number) => {
        const client = await connect(generation, census)
        assertText(await client.ask(call(1, 'any')), 'done')
        // Every other one leaves while it is being served.
        if (number % 2 === 0) void client.send(call(2, 'ask'))
        await client.close()
      },
    }),
  }
}

function elicitations(generation: Generation): Kind {
  return {
    name: `${generation} in memory: an elicitation`,
    start: async (census) => {
      const client = await connect(generation, census)
      const round = async (number: number): Promise<void> => {
        assertText(await client.ask(call(number + 1, 'ask')), 'accept')
      }
      return { round, close: () => client.close() }
    },
  }
}

function cancellations(generation: Generation): Kind {
  return {
    name: `${generation} in memory: a call that is cancelled`,
    start: async (census) => {
      const client = await connect(generation, census)
      const round = async (number: number): Promise<void> => {
        const id = `cancelled ${number}`
        const asked = call(id, 'ask')
        census.track(asked.params)
        void client.send(asked)
        void client.send(cancel(id))
        assertText(await client.ask(call(number + 1, 'any')), 'done')
      }
      return { round, close: () => client.close() }
    },
  }
}

const lines: Kind = {
  name: 'v1 on stdio: a line',
  start: async (census) => ({
    round: async () => {
      const [input, output] = [new PassThrough(), new PassThrough()]
      const transport = new StdioV1(input, output)
      census.track(transport)
      const server = createServer('v1', census)
      await server.connect(transport as never)
      const line = readLines(input, output)
      const opened = line.next(({ id }) => id === 0)
      line.send(initialize)
      await opened
      const answered = line.next(({ id }) => id === 1)
      line.send(call(1, 'any'))
      assertText(await answered, 'done')
      await server.close()
    },
  }),
}

const generations = ['v1', 'v2'] as const

export const connectionKinds: readonly Kind[] = [
  ...generations.map(connections),
  ...generations.map(elicitations),
  ...generations.map(cancellations),
  lines,
]
