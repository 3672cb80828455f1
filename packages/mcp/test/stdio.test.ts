import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StdioServerTransport as StdioV2, serveStdio } from '@modelcontextprotocol/server/stdio'
import { allowPublic, protect, requireOrg, requireScope } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { modern, type Rpc } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, list, names, reasonOf } from './support/raw.ts'

const ran: string[] = []

function build(generation: 'v1' | 'v2') {
  const server = protect(makeServer(generation))
  const tool = (name: string) => async () => {
    ran.push(name)
    return reply(name)
  }
  const config = { inputSchema: nothing }
  server.registerTool('any_org', config, requireOrg(tool('any_org')))
  server.registerTool('scoped', config, requireScope('notes:read', tool('scoped')))
  server.registerTool('plain', config, tool('plain'))
  server.registerTool('health', config, allowPublic(tool('health')))
  return server
}

const params = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'raw', version: '1' },
}
const hello = { jsonrpc: '2.0', id: 'hello', method: 'initialize', params }

const calls = ['any_org', 'scoped', 'plain', 'health'].map((name) => call(name, name))
const modernMessages = [
  ...calls.map(({ id, method, params: sent }) => modern(method, sent, id).body),
  modern('tools/list', {}, 'list').body,
]

const lines = [
  {
    line: 'v1',
    messages: [hello, ...calls, list('list')],
    open: (input: PassThrough, output: PassThrough) =>
      void build('v1').connect(new StdioV1(input, output)),
  },
  {
    line: 'v2 legacy era',
    messages: [hello, ...calls, list('list')],
    open: (input: PassThrough, output: PassThrough) =>
      void serveStdio(() => build('v2') as never, { transport: new StdioV2(input, output) }),
  },
  {
    line: 'v2 2026-07-28 era',
    messages: modernMessages,
    open: (input: PassThrough, output: PassThrough) =>
      void serveStdio(() => build('v2') as never, { transport: new StdioV2(input, output) }),
  },
]

describe.each(lines)('a line without identity ($line)', ({ messages, open }) => {
  test('serves public tools and nothing else', async () => {
    ran.length = 0
    const [input, output] = [new PassThrough(), new PassThrough()]
    let written = ''
    output.on('data', (chunk: Buffer) => {
      written += chunk.toString('utf8')
    })
    open(input, output)
    for (const message of messages) {
      input.write(`${JSON.stringify(message)}\n`)
      await delay(20)
    }
    const answers = new Map(
      written
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text) as Rpc)
        .map((answer) => [answer.id, answer]),
    )
    input.end()
    const reasons = ['any_org', 'scoped', 'plain'].map((id) => reasonOf(answers.get(id) ?? {}))
    expect(reasons).toEqual(['identity_missing', 'identity_missing', 'identity_missing'])
    expect(answers.get('health')?.result).toMatchObject(reply('health'))
    expect(names(answers.get('list') ?? {})).toEqual(['health'])
    expect(ran).toEqual(['health'])
  })
})
