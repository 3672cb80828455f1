import { randomUUID } from 'node:crypto'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { check } from '@onbehalf/core/guards'
import { guarded, protect } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { listTrail } from './support/audit.ts'
import { post } from './support/http-host.ts'
import { serve } from './support/http-ways.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations } from './support/raw.ts'

// The messages of a batch come with one HTTP request, and are distinguished all the same.
describe.each(generations)('a batch to a %s server', (generation) => {
  test('is recorded call by call, as each of them ended', async () => {
    const { trail, events } = listTrail()
    const server = protect(makeServer(generation), { audit: trail })
    // What the gate allows and the handler's own guard refuses: validated arguments have one more.
    const late = z.object({ late: z.boolean().default(true) })
    const early = check<object>('early', (_identity, args) => !('late' in args), {
      needsArguments: true,
    })
    server.registerTool('fine', { inputSchema: nothing }, async () => reply('fine'))
    server.registerTool(
      'broken',
      { inputSchema: nothing },
      guarded(
        check('yes', () => true),
        async (_args: object) => {
          await Promise.resolve()
          throw new Error('broken')
        },
      ),
    )
    const refused = guarded(early, async (_args: object) => reply('never'))
    server.registerTool('refused', { inputSchema: late }, refused)
    const options = { sessionIdGenerator: () => randomUUID(), enableJsonResponse: true }
    const transport =
      generation === 'v1'
        ? new StreamableHTTPServerTransport(options)
        : new NodeStreamableHTTPServerTransport(options)
    await server.connect(transport as never)
    const url = await serve((req, res, body) =>
      transport.handleRequest(req as never, res as never, body),
    )
    const clientInfo = { name: 'raw', version: '1' }
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo }
    const hello = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
    const opened = await post(url, hello, { 'x-caller': 'ada' })
    const session = opened.headers.get('mcp-session-id') ?? ''
    const batch = [call(1, 'fine'), call(2, 'broken'), call(3, 'refused'), call(4, 'fine')]
    const { messages } = await post(url, batch, { 'mcp-session-id': session, 'x-caller': 'ada' })
    expect(new Set(messages.map(({ id }) => id))).toEqual(new Set([1, 2, 3, 4]))
    const told = events.flatMap(({ type, target, outcome }) =>
      type === 'intent' ? [] : [`${target?.name} ${type} ${outcome}`],
    )
    expect(told.toSorted()).toEqual([
      'broken result thrown',
      'fine result ok',
      'fine result ok',
      'refused refusal undefined',
      'refused result tool_error',
    ])
  })
})
