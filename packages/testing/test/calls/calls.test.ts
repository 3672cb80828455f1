import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { protectedHandler } from '@onbehalf/mcp'
import {
  callTool,
  createTokenMinter,
  getPrompt,
  listPrompts,
  listResources,
  listTools,
  readResource,
  testIdentity,
} from '@onbehalf/testing'
import { matchers } from '@onbehalf/testing/vitest'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createBare, createServer } from './servers.ts'

expect.extend(matchers)

const ada = testIdentity('ada', {
  organization: 'acme',
  roles: ['controller'],
  scopes: ['mail:send'],
})
const bob = testIdentity('bob', { organization: 'acme' })
const gil = testIdentity('gil', { organization: 'globex' })
const hal = testIdentity('hal')

describe.each(['v1', 'v2'] as const)('a server of %s in memory', (generation) => {
  const create = () => createServer(generation)

  test('runs a tool for the caller', async () => {
    const answer = await callTool(create, ada, 'list_invoices')
    expect(answer).toMatchObject({ verdict: 'allowed', text: 'acme for ada' })
    expect(answer.result?.content).toEqual([{ type: 'text', text: 'acme for ada' }])
    expect(answer).toBeAllowed()
    expect(() => expect(answer).toBeDenied()).toThrow('it was allowed')
  })

  test.each([
    ['close_books', bob, 'org_role_missing'],
    ['list_invoices', hal, 'org_missing'],
    ['list_invoices', undefined, 'identity_missing'],
    ['send', bob, 'scope_missing'],
  ] as const)('refuses %s', async (tool, caller, reason) => {
    const answer = await callTool(create, caller, tool)
    expect(answer).toMatchObject({ verdict: 'denied', reason })
    expect(answer).toBeDenied(reason)
    expect(() => expect(answer).toBeDenied('check_failed')).toThrow(`was denied: ${reason}`)
    expect(() => expect(answer).toBeAllowed()).toThrow(`was denied: ${reason}`)
  })

  test('decides on arguments', async () => {
    expect(await callTool(create, ada, 'read_ledger', { orgId: 'acme' })).toBeAllowed()
    expect(await callTool(create, ada, 'read_ledger', { orgId: 'globex' })).toBeDenied(
      'org_mismatch',
    )
  })

  test('tells what failed from what was refused', async () => {
    const broken = await callTool(create, ada, 'broken')
    expect(broken).toMatchObject({ verdict: 'failed', text: expect.stringContaining('order') })
    expect(broken).not.toBeAllowed()
    expect(broken).not.toBeDenied()
    expect(await callTool(create, ada, 'no_such_tool')).toMatchObject({ verdict: 'failed' })
  })

  test('reads resources and gets prompts', async () => {
    expect(await readResource(create, ada, 'ledger://acme')).toMatchObject({ text: 'pages' })
    expect(await readResource(create, gil, 'ledger://acme')).toBeDenied('org_mismatch')
    expect(await getPrompt(create, ada, 'remind')).toMatchObject({ text: 'pay' })
    expect(await getPrompt(create, hal, 'remind')).toBeDenied('org_missing')
  })

  test('lists what the caller sees', async () => {
    const seen = await listTools(create, bob)
    expect(seen).toSeeTools(['broken', 'health', 'list_invoices', 'read_ledger', 'send'])
    expect(() => expect(seen).toSeeTools(['health'])).toThrow('to see health, and they see')
    expect(await listTools(create, undefined)).toSeeTools(['health'])
    expect(await listPrompts(create, hal)).toEqual([])
    expect(await listPrompts(create, gil)).toEqual(['remind'])
    expect(await listResources(create, gil)).toEqual([])
    expect(await listResources(create, ada)).toEqual(['ledger://acme'])
  })

  test('is called again and again', async () => {
    const server = create()
    expect(await callTool(server, ada, 'close_books')).toBeAllowed()
    expect(await callTool(server, bob, 'close_books')).toBeDenied('org_role_missing')
  })

  test('has to be protected', async () => {
    await expect(callTool(createBare(generation), ada, 'list_invoices')).rejects.toThrow(
      new TypeError('protect the server before you call it'),
    )
  })

  test('protects what a factory leaves bare, as an entry does', async () => {
    const bare = () => {
      const server = createBare(generation) as unknown as McpServer
      server.registerTool('plain', { inputSchema: z.object({}) }, async () => ({ content: [] }))
      return server
    }
    expect(await callTool(bare, undefined, 'plain')).toBeDenied('identity_missing')
    expect(await callTool(bare, hal, 'plain')).toBeAllowed()
  })

  test('takes no token', async () => {
    await expect(callTool(create, 'token', 'list_invoices')).rejects.toThrow(
      new TypeError('a token is for a URL or a web handler; in memory, give an identity'),
    )
  })
})

describe('a handler over HTTP', async () => {
  const resource = 'https://server.test/mcp'
  const minter = await createTokenMinter({ issuer: 'https://issuer.test', alg: 'ES256' })
  const people = issuer({
    iss: 'https://issuer.test',
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks: minter.jwks },
  })
  const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })
  const handler = protectedHandler(
    createMcpHandler,
    () => createServer('v2') as unknown as McpServer,
    { authenticator },
  )
  const token = (sub: string) =>
    minter.mint({ sub, aud: resource, client_id: 'app', org_id: 'acme', scope: 'openid' })

  test('is called by the same words, with a token', async () => {
    expect(await callTool(handler, await token('ada'), 'list_invoices')).toMatchObject({
      verdict: 'allowed',
      text: 'acme for ada',
    })
    expect(await callTool(handler, await token('bob'), 'close_books')).toBeDenied(
      'org_role_missing',
    )
    expect(await listTools(handler, await token('bob'))).toContain('list_invoices')
  })

  test.each([
    ['no token', undefined],
    ['a bad token', 'x.y.z'],
  ])('refuses %s with 401', async (_what, bad) => {
    const answer = await callTool(handler, bad, 'list_invoices')
    expect(answer).toMatchObject({ verdict: 'denied', status: 401 })
    expect(answer).toBeDenied()
  })

  test('refuses a missing scope with 403', async () => {
    const answer = await callTool(handler, await token('ada'), 'send')
    expect(answer).toMatchObject({ verdict: 'denied', status: 403, reason: 'scope_missing' })
  })

  test('takes no identity', async () => {
    await expect(callTool(handler, ada, 'list_invoices')).rejects.toThrow(
      new TypeError('an identity is for a server in memory; over HTTP, give an access token'),
    )
  })
})
