import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { protectedHandler, requireOrg, type ServerEvent } from '@onbehalf/mcp'
import { devLogger } from '@onbehalf/mcp/dev'
import { callTool, createTokenMinter } from '@onbehalf/testing'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'

const resource = 'https://server.test/mcp'
const iss = 'https://issuer.test'
const minter = await createTokenMinter({ issuer: iss, alg: 'ES256' })
const people = issuer({
  iss,
  audience: resource,
  kind: 'by-client',
  algorithms: ['ES256'],
  keys: { jwks: minter.jwks },
})
const authenticator = createAuthenticator({ resource, sources: [direct({ issuer: people })] })

function createServer(): McpServer {
  const server = new McpServer({ name: 'test', version: '1.0.0' })
  const inputSchema = z.object({})
  server.registerTool(
    'list',
    { inputSchema },
    requireOrg(async () => ({ content: [] })),
  )
  server.registerTool(
    'close',
    { inputSchema },
    requireOrg('acme', { roles: 'controller' }, async () => ({ content: [] })),
  )
  return server
}

await authenticator.ready()
const lines: string[] = []
const handler = protectedHandler(createMcpHandler, createServer, {
  authenticator,
  onEvent: devLogger({ write: (line) => lines.push(line) }),
})

/** The lines about tools, without ids. */
async function linesOf(tool: string, claims?: Readonly<Record<string, unknown>>) {
  lines.length = 0
  const token = claims && (await minter.mint({ aud: resource, client_id: 'app', ...claims }))
  await callTool(handler, token, tool)
  return lines
    .filter((line) => !/^(?:allow +\w+\/|keys_loaded)/.test(line))
    .map((line) => line.replace(/request \S+/, 'request (id)'))
}

describe('a line for each call of a server', () => {
  test('that ran', async () => {
    expect(await linesOf('list', { sub: 'ada', org_id: 'acme' })).toEqual([
      'allow     list  ada of acme',
    ])
  })

  test('that a guard refused, with what it needs', async () => {
    expect(await linesOf('close', { sub: 'bob', org_id: 'acme' })).toEqual([
      'deny      close  bob of acme  org_role_missing, by organization  needs organizations acme, roles controller',
    ])
  })

  test('without a token', async () => {
    expect(await linesOf('list')).toContain('refused   MISSING no_credential  request (id)')
  })

  test('with a token for another server, with the claim that is wrong', async () => {
    const [line] = await linesOf('list', { sub: 'ada', aud: 'https://other.test' })
    expect(line).toMatch(/^refused {3}TOK audience {2}.*request \(id\)$/)
  })
})

describe('a line', () => {
  const write = (event: object): string => {
    const written = vi.fn<(line: string) => void>()
    devLogger({ write: written })(event as ServerEvent)
    return String(written.mock.calls[0]?.[0])
  }

  test('escapes what a terminal would obey', () => {
    const line = write({
      type: 'decision',
      method: 'tools/call',
      tool: 'a\u001b[2Jb\u202e',
      identity: { kind: 'service', subject: 'job\n', gateway: { client: 'gate' } },
      decision: { effect: 'allow' },
    })
    expect(line).toBe('allow     a\\u{1b}[2Jb\\u{202e}  service job\\u{a} via gate')
  })

  test('says where an identity was lost', () => {
    const decision = { effect: 'deny', reason: 'identity_missing', guard: 'user', required: {} }
    const event = { type: 'decision', method: 'tools/call', tool: 'list', identity: undefined }
    expect(write({ ...event, decision, identityLoss: 'auth_info_copied', requestId: '7' })).toBe(
      'deny      list  nobody  identity_missing, by user  the identity was lost: auth_info_copied  request 7',
    )
  })

  test('of any other event has its members', () => {
    expect(write({ type: 'keys_loaded', issuer: iss, usable: 2, ignored: [] })).toBe(
      'keys_loaded  issuer https://issuer.test  usable 2',
    )
  })

  test('is not written for a request that became an identity', () => {
    expect(write({ type: 'accepted', source: 'direct' })).toBe('undefined')
  })

  test('goes to the console where nothing else is said', () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {})
    devLogger()({ type: 'revocation_not_shared' })
    expect(shown).toHaveBeenCalledWith('revocation_not_shared')
    shown.mockRestore()
    expect(() => devLogger({ colour: true } as never)).toThrow(TypeError)
  })
})
