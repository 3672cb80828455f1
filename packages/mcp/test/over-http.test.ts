import { toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  createMcpHandler,
  McpServer as McpServerV2,
  requireScopes,
} from '@modelcontextprotocol/server'
import { check } from '@onbehalf/core/guards'
import { denialKey, protect, requireOrg, requireScope, type ServerEvent } from '@onbehalf/mcp'
import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { authInfoOf, resourceMetadataUrl } from './support/callers.ts'
import { runs } from './support/guarded-server.ts'
import { type Handle, modern, post } from './support/http-host.ts'
import { httpWays, latest, legacy, serve } from './support/http-ways.ts'
import { nothing, reply } from './support/make-server.ts'
import { call, list, reasonOf } from './support/raw.ts'
import { v1Stateless, v2Entry } from './support/runtimes.ts'

beforeEach(() => {
  runs.length = 0
})

const january = { month: '2026-01' }

const ways = httpWays()

test('an unknown method of the 2026-07-28 era stays 404 behind a guard that takes time', async () => {
  const guard = check('slow', async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return true
  })
  const rules = [{ kind: 'method', name: 'made/*', guard }] as const
  const { body, headers } = modern('made/up')
  const url = await serve(v2Entry({ options: { rules } }))
  const { status, messages } = await post(url, body, { ...headers, 'x-caller': 'ada' })
  expect([status, messages[0]?.error?.code]).toEqual([404, -32_601])
})

describe.each(ways)('$way', ({ handle, send }) => {
  test('answers a missing scope with 403 and one challenge for the whole operation', async () => {
    const { status, headers, text } = await send(await serve(handle), call(1, 'write_notes'), 'bob')
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", error_description="The access token lacks a required scope", ' +
        `scope="notes:read notes:write", resource_metadata="${resourceMetadataUrl}"`,
    )
    expect(JSON.parse(text)).toEqual({
      error: 'insufficient_scope',
      error_description: 'The access token lacks a required scope',
    })
    expect(runs).toEqual([])
  })

  test('sends nobody to ask for consent who would be refused all the same', async () => {
    const url = await serve(handle)
    for (const [tool, caller, reason] of [
      ['person_and_scope', 'acmeRobot', 'user_required'],
      ['acme_only', 'eve', 'org_mismatch'],
      ['operator', 'bob', 'role_missing'],
      ['write_notes', undefined, 'identity_missing'],
      ['write_notes', 'late', 'identity_expired'],
      ['write_notes', 'copy-of-bob', 'identity_missing'],
    ] as const) {
      const { status, headers, messages } = await send(url, call(1, tool), caller)
      expect([tool, status]).toEqual([tool, 200])
      expect(headers.get('www-authenticate')).toBeNull()
      expect(messages[0]?.result?.['_meta']).toMatchObject({ [denialKey]: { reason } })
    }
    expect(runs).toEqual([])
  })

  test('challenges for a missing scope before it looks at arguments', async () => {
    const { status } = await send(
      await serve(handle),
      call(1, 'write_notes', { made: 'up' }),
      'bob',
    )
    expect(status).toBe(403)
  })

  test('lets a call with its scopes through', async () => {
    const { status, messages } = await send(await serve(handle), call(1, 'read_notes'), 'bob')
    expect(status).toBe(200)
    expect(messages[0]?.result).toMatchObject(reply('done'))
  })
})

const sessionful = ways.filter(({ way }) => /stateful|sessions|v1 stateless|legacy era$/.test(way))

describe.each(sessionful)('a batch for $way', ({ handle, send }) => {
  const batch = (...items: object[]) => items as unknown as ReturnType<typeof call>

  test('meets the guards item by item', async () => {
    const url = await serve(handle)
    const items = batch(
      call(1, 'acme_only', january),
      call(2, 'acme_controller', january),
      call(3, 'ledger', { orgId: 'globex' }),
      list(4),
    )
    const { messages } = await send(url, items, 'bob')
    const answers = new Map(messages.map((message) => [message.id, message.result]))
    expect(answers.get(1)).toMatchObject(reply('done'))
    expect(answers.get(2)?.['_meta']).toMatchObject({ [denialKey]: { reason: 'org_role_missing' } })
    expect(answers.get(3)?.['_meta']).toMatchObject({ [denialKey]: { reason: 'org_mismatch' } })
    expect(answers.get(4)?.['tools']).toHaveLength(12)
    expect(runs.map(({ name }) => name)).toEqual(['acme_only'])
  })

  test('is challenged when every item lacks scopes', async () => {
    const url = await serve(handle)
    const items = batch(call(1, 'write_notes'), call(2, 'write_notes'))
    const { status, headers } = await send(url, items, 'bob')
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toContain('scope="notes:read notes:write"')
    expect(runs).toEqual([])
  })

  test('is answered item by item when only some lack scopes', async () => {
    const url = await serve(handle)
    const items = batch(call(1, 'acme_only', january), call(2, 'write_notes'))
    const { status, messages } = await send(url, items, 'bob')
    expect(status).toBe(200)
    expect(messages.map(reasonOf)).toEqual(expect.arrayContaining([undefined, 'scope_missing']))
    expect(runs).toMatchObject([{ name: 'acme_only' }])
  })

  test('answers no id twice', async () => {
    const url = await serve(handle)
    const items = batch(list(1), { jsonrpc: '2.0', id: 1, method: 'ping' }, list(2))
    const { text } = await send(url, items, 'robot')
    expect(text).not.toContain('acme_only')
    expect(text).not.toContain('operator')
  })
})

describe('v1', () => {
  test('challenges a missing scope whether or not the body is parsed already', async () => {
    const url = await serve(async (req, res, body) => {
      const server = protect(new McpServerV1({ name: 'test', version: '1' }))
      const write = requireScope('notes:write', async (_args: object) => reply('written'))
      server.registerTool('write', { inputSchema: nothing }, write)
      const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
      await server.connect(transport as never)
      const request = new Request('http://127.0.0.1/mcp', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(body),
      })
      const authInfo = req.auth as never
      const response = await transport.handleRequest(
        request,
        req.headers['x-parsed'] === 'yes' ? { authInfo, parsedBody: body } : { authInfo },
      )
      res.writeHead(response.status, Object.fromEntries(response.headers))
      res.end(await response.text())
    })
    for (const parsed of ['no', 'yes']) {
      const headers = { 'x-caller': 'bob', 'x-parsed': parsed }
      const answer = await post(url, call(1, 'write'), headers)
      expect(answer.status).toBe(403)
      expect(answer.headers.get('www-authenticate')).toContain('scope="notes:read notes:write"')
    }
  })

  test('leaves batches that are too large to the SDK', async () => {
    const url = await serve(v1Stateless())
    const items = Array.from({ length: 101 }, (_, id) => call(id, 'write_notes'))
    const { status, messages } = await post(url, items, { 'x-caller': 'bob' })
    expect(status).toBe(400)
    expect(messages[0]?.error?.code).toBe(-32_600)
    expect(runs).toEqual([])
  })

  test('hands what is not a message on to the SDK', async () => {
    const url = await serve(v1Stateless())
    for (const body of [[], 'tools/call', [null], { method: 'tools/call' }]) {
      const { status } = await post(url, body, { 'x-caller': 'bob' })
      expect([400, 202]).toContain(status)
    }
  })
})

describe('v2', () => {
  function entry(
    make: (server: McpServerV2) => void,
    onEvent?: (event: ServerEvent) => void,
  ): Handle {
    const factory = () => {
      const info = { name: 'test', version: '1' }
      const options = {
        cacheHints: { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' as const } },
      }
      const server = protect(new McpServerV2(info, options), onEvent ? { onEvent } : {})
      make(server)
      return server
    }
    const handle = toNodeHandler(createMcpHandler(factory))
    return (req, res, body) => handle(req as never, res as never, body)
  }

  test('keeps a scope challenge that a tool brings along', async () => {
    const write = requireScope('notes:write', async (_args: object) => reply('written'))
    const url = await serve(
      entry((server) => {
        const scopeChallenge = requireScopes('own:scope')
        server.registerTool('write', { inputSchema: nothing, scopeChallenge }, write)
      }),
    )
    const { status, headers } = await latest(url, call(1, 'write'), 'bob')
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toContain('scope="own:scope"')
  })

  test('reports a challenge to the operator', async () => {
    const events: ServerEvent[] = []
    const write = requireScope('notes:write', async (_args: object) => reply('written'))
    const register = (server: McpServerV2) => {
      server.registerTool('write', { inputSchema: nothing }, write)
    }
    const url = await serve(entry(register, (event) => events.push(event)))
    await latest(url, call(1, 'write'), 'bob')
    expect(events).toMatchObject([
      { tool: 'write', identity: { subject: 'bob' }, decision: { reason: 'scope_missing' } },
    ])
  })

  test('names the type of a result in the 2026-07-28 era and not before', async () => {
    const url = await serve(v2Entry())
    const now = await latest(url, call(1, 'acme_only', january), 'eve')
    expect(now.messages[0]?.result).toMatchObject({ resultType: 'complete', isError: true })
    const before = await legacy(url, call(1, 'acme_only', january), 'eve')
    expect(before.messages[0]?.result).not.toHaveProperty('resultType')
  })

  test('keeps lists and what they show from shared caches', async () => {
    const url = await serve(
      entry((server) => {
        const any = requireOrg(async (_args: object) => reply('done'))
        server.registerTool('any', { inputSchema: nothing }, any)
        const cacheHint = { ttlMs: 60_000, cacheScope: 'public' as const }
        const read = requireOrg(async (uri: URL) => ({ contents: [{ uri: uri.href, text: 'x' }] }))
        server.registerResource('note', 'note://a/b', { cacheHint }, read)
      }),
    )
    const listed = modern('tools/list')
    const tools = await post(url, listed.body, { ...listed.headers, 'x-caller': 'bob' })
    expect(tools.messages[0]?.result).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' })
    expect(tools.messages[0]?.result?.['tools']).toHaveLength(1)
    const read = modern('resources/read', { uri: 'note://a/b' })
    const note = await post(url, read.body, { ...read.headers, 'x-caller': 'bob' })
    expect(note.messages[0]?.result).toMatchObject({ cacheScope: 'private' })
  })

  test('leaves the HTTP status of the SDK’s own errors alone', async () => {
    const url = await serve(v2Entry())
    const { body, headers } = modern('acme/unheard')
    const { status } = await post(url, body, { ...headers, 'x-caller': 'bob' })
    expect(status).toBe(404)
    const refused = await post(url, body, headers)
    expect(refused.status).toBe(200)
    expect(refused.messages[0]?.error).toMatchObject({ code: 31_401 })
  })

  test('looks at the message, not at the header that repeats its name', async () => {
    const url = await serve(v2Entry())
    const { body, headers } = modern('tools/call', { name: 'acme_only', arguments: january })
    const { status } = await post(url, body, {
      ...headers,
      'mcp-name': 'health',
      'x-caller': 'eve',
    })
    expect(status).toBe(400)
    expect(runs).toEqual([])
  })
})

test('the schema of arguments never shows in a refusal', async () => {
  const secretive = z.object({ internal_account_number: z.string() })
  const url = await serve(async (req, res, body) => {
    const server = protect(new McpServerV1({ name: 'test', version: '1' }))
    const handler = requireOrg('acme', async (_args: z.infer<typeof secretive>) => reply('done'))
    server.registerTool('pay', { inputSchema: secretive }, handler)
    const transport = new StreamableHTTPServerTransport({})
    await server.connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  })
  const { text } = await post(url, call(1, 'pay'), { 'x-caller': 'eve' })
  expect(text).not.toContain('internal_account_number')
  expect(text).not.toContain('acme')
  expect(text).not.toContain(authInfoOf('eve')?.extra['iss'] as string)
})
