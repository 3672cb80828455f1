import { PassThrough } from 'node:stream'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { protectedHandler, protectedStdio } from '@onbehalf/mcp'
import { modern } from '../../../packages/mcp/test/support/http-host.ts'
import { nothing, reply } from '../../../packages/mcp/test/support/make-server.ts'
import { cancel } from '../../../packages/mcp/test/support/raw.ts'
import type { Census } from '../census.ts'
import { assertSame, headers, type Kind, settings, token } from '../kind.ts'
import { readLines } from '../lines.ts'

function factory(census: Census): () => McpServer {
  return () => {
    const capabilities = { resources: { subscribe: true }, tools: { listChanged: true } }
    const server = new McpServer({ name: 'test', version: '1' }, { capabilities })
    server.registerTool('any', { inputSchema: nothing }, async () => reply('done'))
    server.registerResource('note', 'note://one', {}, async () => ({ contents: [] }))
    census.track(server)
    return server
  }
}

const wanted = { notifications: { resourceSubscriptions: ['note://one'], toolsListChanged: true } }

/** How a stream ends: its client cancels what it reads, or aborts its request. */
type Ending = 'cancels it' | 'aborts it'

function overHttp(ending: Ending): Kind {
  return {
    name: `v2 over HTTP: a listen whose client ${ending}`,
    start: async (census) => {
      const handler = protectedHandler(createMcpHandler, factory(census), settings)
      const { body, headers: named } = modern('subscriptions/listen', wanted)
      const round = async (): Promise<void> => {
        const leaving = new AbortController()
        const request = new Request('http://127.0.0.1/mcp', {
          method: 'POST',
          headers: { ...headers, ...named },
          body: JSON.stringify(body),
          signal: leaving.signal,
        })
        const stream = await handler.fetch(request)
        assertSame(stream.status, 200, 'listen')
        census.track(stream)
        const reader = stream.body!.getReader()
        await reader.read()
        if (ending === 'aborts it') leaving.abort()
        else await reader.cancel()
      }
      return { round }
    },
  }
}

const calls: Kind = {
  name: 'v2 over HTTP: a call',
  start: async (census) => {
    const handler = protectedHandler(createMcpHandler, factory(census), settings)
    const { body, headers: named } = modern('tools/call', { name: 'any', arguments: {} })
    const round = async (): Promise<void> => {
      const request = new Request('http://127.0.0.1/mcp', {
        method: 'POST',
        headers: { ...headers, ...named },
        body: JSON.stringify(body),
      })
      const answer = await (await handler.fetch(request)).text()
      assertSame(answer.includes('done'), true, answer)
    }
    return { round }
  },
}

function openLine(census: Census) {
  const [input, output] = [new PassThrough(), new PassThrough()]
  const transport = new StdioServerTransport(input, output)
  census.track(transport)
  protectedStdio(serveStdio, factory(census), { ...settings, token, transport })
  return readLines(input, output)
}

const onOneLine: Kind = {
  name: 'v2 on stdio: a listen on one line',
  start: async (census) => {
    const line = openLine(census)
    const round = async (number: number): Promise<void> => {
      const id = number + 1
      const opened = line.next((message) => JSON.stringify(message).includes(`Id":${id}}`))
      line.send(modern('subscriptions/listen', wanted, id).body)
      await opened
      line.send(cancel(id))
    }
    return { round, close: async () => line.end() }
  },
}

const onManyLines: Kind = {
  name: 'v2 on stdio: a line with a listen',
  start: async (census) => ({
    round: async () => {
      const line = openLine(census)
      const opened = line.next(() => true)
      line.send(modern('subscriptions/listen', wanted).body)
      await opened
      line.end()
    },
  }),
}

export const listenKinds: readonly Kind[] = [
  calls,
  overHttp('cancels it'),
  overHttp('aborts it'),
  onOneLine,
  onManyLines,
]
