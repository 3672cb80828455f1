import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, Server as LowV2 } from '@modelcontextprotocol/server'
import { scope } from '@onbehalf/core/guards'
import { protect, protectedHandler } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { callers, makeIdentity } from '../../packages/mcp/test/support/callers.ts'
import type { Handle, Posted } from '../../packages/mcp/test/support/http-host.ts'
import { httpWays, latest, legacy, serve } from '../../packages/mcp/test/support/http-ways.ts'
import { makeServer, nothing, reply } from '../../packages/mcp/test/support/make-server.ts'
import { call, generations, list, names, wire } from '../../packages/mcp/test/support/raw.ts'

const rules = [
  { kind: 'tool', name: 'health', guard: 'public' },
  { kind: 'tool', guard: scope('pay') },
] as const

const scopesIn = ({ headers }: Posted) =>
  /scope="([^"]*)"/.exec(headers.get('www-authenticate') ?? '')?.[1]

describe.each(httpWays({ options: { rules } }))('over $way', ({ handle, send }) => {
  test('I1 asks for no consent that takes scopes away', async () => {
    const answer = await send(await serve(handle), call(1, 'person'), 'bob')
    expect(answer.status).toBe(403)
    // Clients replace the scopes that they have by those that are named.
    expect(scopesIn(answer)).toBe('notes:read pay')
  })

  test.each(['none', 'Person', '__proto__', 'person '])(
    'I2 asks for no consent to what is not there: %j',
    async (name) => {
      const answer = await send(await serve(handle), call(1, name), 'bob')
      expect(answer.status).not.toBe(403)
      expect(answer.headers.get('www-authenticate')).toBeNull()
      expect(answer.text).not.toMatch(/scope|pay/)
    },
  )

  test('I3 shows what only consent is missing for, and nothing else', async () => {
    const { messages } = await send(await serve(handle), list(1) as never, 'bob')
    const shown = names(messages[0] ?? {})
    expect(shown).toContain('person')
    // Its guard asks for a role as well.
    expect(shown).not.toContain('operator')
  })
})

/** A low-level server of SDK v2 with one tool, which needs a scope. */
function lowLevel(): Handle {
  const create = () => {
    const server = new LowV2({ name: 'low', version: '1' }, { capabilities: { tools: {} } })
    const tools = [{ name: 'pay', inputSchema: { type: 'object' as const } }]
    server.setRequestHandler('tools/list', async () => ({ tools }))
    server.setRequestHandler('tools/call', async () => reply('paid'))
    return server
  }
  const options = { authenticator: null, rules: [{ kind: 'tool', guard: scope('pay') }] } as const
  const handle = toNodeHandler(protectedHandler(createMcpHandler, create as never, options))
  return (req, res, body) => handle(req as never, res as never, body)
}

test.each([
  ['older revisions', legacy],
  ['2026-07-28', latest],
] as const)('I4 answers a low-level server with the same challenge: %s', async (_era, send) => {
  const url = await serve(lowLevel())
  const answer = await send(url, call(1, 'pay'), 'bob')
  expect([answer.status, scopesIn(answer)]).toEqual([403, 'notes:read pay'])
  expect(answer.text).not.toContain('paid')
  const unknown = await send(url, call(1, 'none'), 'bob')
  expect([unknown.status === 403, scopesIn(unknown)]).toEqual([false, undefined])
})

describe.each(generations)('on a server of SDK %s', (generation) => {
  const build = () => {
    const server = protect(makeServer(generation), {
      rules: [{ kind: 'tool', guard: scope('pay') }],
    })
    server.registerTool('pay', { inputSchema: nothing }, async () => reply('paid'))
    return server
  }

  test.each([
    ['another user', { subject: 'mallory' }],
    ['the same user in another organization', { organization: { id: 'globex', roles: [] } }],
    ['an equal subject of another issuer', { issuer: 'https://other.example' }],
  ])('I5 announces what consent added to nobody but its caller: %s', async (_who, other) => {
    const organization = { id: 'acme', roles: [] }
    const as = (name: string, parts: object) =>
      callers.set(name, makeIdentity({ organization, scopes: [], ...parts }))
    as('before', {})
    as('other', { scopes: ['pay'], ...other })
    as('after', { scopes: ['pay'] })
    const line = await wire(generation, build())
    const heard = async (id: number, caller: string) => {
      line.received.length = 0
      await line.ask(list(id), caller)
      await line.settle()
      return line.received.flatMap(({ method }) => method ?? [])
    }
    await heard(1, 'before')
    expect(await heard(2, 'other')).toEqual([])
    await heard(3, 'before')
    expect(await heard(4, 'after')).toEqual(['notifications/tools/list_changed'])
  })
})
