import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { guardServers } from '@onbehalf/mcp/preload'
import { build, type Format } from 'esbuild'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { resource, resourceMetadataUrl } from './support/callers.ts'
import { post } from './support/http-host.ts'
import { call, reasonOf } from './support/raw.ts'
import { createTokenAuthenticator, start } from './support/tokens.ts'

const support = fileURLToPath(new URL('./support/preload/', import.meta.url))
const everything = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/server-everything/dist/index.js',
)
const claims = { sub: 'ada', org_id: 'acme', iat: start, exp: start + 300 }

const argumentsOf = (guard: string, program: readonly string[]): string[] => [
  '--import=tsx',
  '--conditions=@onbehalf/source',
  `--import=${join(support, guard)}`,
  ...program,
]

const esm = join(support, 'server.mjs')
const cjs = join(support, 'server.cjs')

const lines: readonly (readonly [string, readonly string[]])[] = [
  ['SDK v1', [esm, 'v1-stdio']],
  ['SDK v1 in CommonJS', [cjs, 'v1-stdio']],
  ['a low-level server of SDK v1', [esm, 'v1-low-level-stdio']],
  ['serveStdio of SDK v2', [esm, 'v2-stdio']],
  ['a connected server of SDK v2', [esm, 'v2-connected-stdio']],
]

async function connect(program: readonly string[], who: object | null, tool = 'purge') {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: argumentsOf('guard.ts', program),
    env: {
      PATH: process.env['PATH'] ?? '',
      TEST_CLAIMS: JSON.stringify(who),
      TEST_TOOL: tool,
    },
    stderr: 'ignore',
  })
  onTestFinished(() => client.close())
  await client.connect(transport)
  return client
}

const textOf = async (client: Client, name: string, args = {}): Promise<unknown> => {
  const { content } = await client.callTool({ name, arguments: args })
  return (content as { text: string }[])[0]?.text
}

describe('a process that speaks on stdio', { timeout: 120_000 }, () => {
  test.each(lines)('guards %s by its rules, for the user of the token', async (_what, program) => {
    const client = await connect(program, claims)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read'])
    expect(await textOf(client, 'read')).toBe('read')
    expect(await textOf(client, 'purge')).toBe('Access denied: the caller lacks a required role.')
  })

  test('guards a server from the registry, which nobody wrote for it', async () => {
    const client = await connect([everything, 'stdio'], claims, 'get-env')
    expect(await textOf(client, 'get-env')).toBe('Access denied: the caller lacks a required role.')
    expect(await textOf(client, 'echo', { message: 'hello' })).toBe('Echo: hello')
    const { resources } = await client.listResources()
    expect(resources.length).toBeGreaterThan(0)
  })

  test.each(lines.slice(2, 4))('does not serve %s without a token', async (_what, program) => {
    await expect(connect(program, null)).rejects.toThrow('Connection closed')
  })
})

async function serve(
  program: readonly string[],
  own: object = {},
  env: NodeJS.ProcessEnv = {},
): Promise<{ url: URL; authorization: string }> {
  const child = spawn(process.execPath, argumentsOf('guard.ts', program), {
    env: { PATH: process.env['PATH'], TEST_CLAIMS: JSON.stringify({ ...claims, ...own }), ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(() => void child.kill())
  const said = new Map<string, string>()
  for await (const line of createInterface(child.stderr)) {
    const [name = '', value = ''] = line.split(' ')
    said.set(name, value)
    const url = new URL(`http://127.0.0.1:${said.get('port') ?? 1}/mcp`)
    if (name === 'port') return { url, authorization: `Bearer ${said.get('token')}` }
  }
  throw new Error('the process ended')
}

describe('a process that listens', { timeout: 120_000 }, () => {
  test.each([
    ['SDK v1', [esm, 'v1-http']],
    ['SDK v2', [esm, 'v2-http']],
    ['SDK v2 in CommonJS', [cjs, 'v2-http']],
  ])('guards %s: identity, rules and metadata', async (_what, program) => {
    const { url, authorization } = await serve(program)
    const anonymous = await post(url, call(1, 'read'))
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers.get('www-authenticate')).toContain(resourceMetadataUrl)
    const { pathname } = new URL(resourceMetadataUrl)
    const metadata = await fetch(new URL(pathname, url))
    expect(await metadata.json()).toMatchObject({ resource })

    const purge = await post(url, call(2, 'purge'), { authorization })
    expect(reasonOf(purge.messages[0] ?? {})).toBe('role_missing')
    const client = new Client({ name: 'test', version: '1.0.0' })
    onTestFinished(() => client.close())
    await client.connect(
      new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }),
    )
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read'])
    expect(await textOf(client, 'read')).toBe('read')
  })
})

describe('a process that listens for several organizations', { timeout: 120_000 }, () => {
  test.each([
    ['SDK v1', [esm, 'v1-http']],
    ['SDK v2', [esm, 'v2-http']],
  ])('guards %s: each path is a resource', async (_what, program) => {
    const aud = 'https://mcp.example.com/o/acme/mcp'
    const env = { TEST_RESOURCE: 'https://mcp.example.com/o/{organization}/mcp' }
    const { url, authorization } = await serve(program, { aud }, env)
    const own = await post(new URL('/o/acme/mcp', url), call(1, 'read'), { authorization })
    expect(own.text).toContain('"read"')
    const other = await post(new URL('/o/beta/mcp', url), call(2, 'read'), { authorization })
    expect(other.status).toBe(401)
    const path = '/.well-known/oauth-protected-resource/o/beta/mcp'
    expect(other.headers.get('www-authenticate')).toContain(`https://mcp.example.com${path}"`)
    const metadata = await fetch(new URL(path, url))
    expect(await metadata.json()).toMatchObject({ resource: 'https://mcp.example.com/o/beta/mcp' })
  })
})

/** How a process ends that is given a line. */
async function endOf(guard: string, program: readonly string[]) {
  const child = spawn(process.execPath, argumentsOf(guard, program), {
    env: { PATH: process.env['PATH'], TEST_CLAIMS: JSON.stringify(claims) },
  })
  onTestFinished(() => void child.kill())
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  child.stdin.on('error', () => {}).write('{}\n')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

describe('a process in which nothing can be guarded', { timeout: 120_000 }, () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bundles-'))
    await Promise.all([bundle('esm', 'mjs'), bundle('cjs', 'cjs')])
  })
  afterAll(() => rm(folder, { recursive: true }))

  const bundle = (format: Format, extension: string) =>
    build({
      stdin: {
        contents: `
          import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
          import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
          void new McpServer({ name: 'a', version: '1' }).connect(new StdioServerTransport())`,
        resolveDir: support,
      },
      outfile: join(folder, `bundle.${extension}`),
      bundle: true,
      minify: true,
      platform: 'node',
      format,
    })

  test.each([
    ['listens', 'no-sdk-http'],
    ['reads stdin', 'no-sdk-stdio'],
  ])('ends when it %s', async (what, way) => {
    const { code, out, err } = await endOf('guard.ts', [esm, way])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain(`the process ${what}, and no MCP server was found in it`)
  })

  test.each(['mjs', 'cjs'])('ends when it loads a bundle with an SDK (.%s)', async (extension) => {
    const { code, out, err } = await endOf('guard.ts', [join(folder, `bundle.${extension}`)])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('carries its own copy of the MCP SDK')
  })

  test('lends the token of stdio to no transport of a framework', async () => {
    const { code, out, err } = await endOf('guard.ts', [esm, 'v1-framework-http'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('TypeError: token and tokenFile are for stdio')
  })

  test('ends when the SDK was loaded before it could be guarded', async () => {
    const { code, out, err } = await endOf('guard-too-late.ts', [esm, 'v1-stdio'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('no MCP server was found in it')
  })
})

test.each([
  ['authenticator is required', {}],
  ['not an option', { authenticator: createTokenAuthenticator(() => start), transport: {} }],
  [
    'must not be undefined',
    { authenticator: createTokenAuthenticator(() => start), token: undefined },
  ],
])('throws before anything is guarded: %s', (message, options) => {
  expect(() => guardServers(options as never)).toThrow(message)
})
