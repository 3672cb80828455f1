import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { readPage } from '../../scripts/docs/markdown.ts'
import { createIssuers, type Issuers } from '../../scripts/packages/issuers.ts'
import { printedSoon, type Started, startProgram } from '../../scripts/packages/start-program.ts'

// The programs of docs/frameworks, run as they are printed: below docs/, which has the frameworks.
const folder = resolve('docs/.artifacts/frameworks')
const playIssuers = resolve('scripts/packages/play-issuers.mjs')
const resource = 'https://mcp.example.com/mcp'
const metadata = '/.well-known/oauth-protected-resource/mcp'

let issuers: Issuers

beforeAll(async () => {
  issuers = await createIssuers()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes the files that a page shows, with `change` in the server. */
function writeFiles(page: string, change = (text: string): string => text): string {
  const own = join(folder, page)
  mkdirSync(own, { recursive: true })
  for (const { language, lines } of readPage(`docs/frameworks/${page}.md`).blocks) {
    const [, name] = /^\/\/ ([\w-]+\.ts)$/.exec(lines[0] ?? '') ?? []
    const text = lines.join('\n')
    if (name !== undefined)
      writeFileSync(join(own, name), name === 'server.ts' ? change(text) : text)
    if (language === 'json') writeFileSync(join(own, 'tsconfig.json'), text)
  }
  return own
}

function start(own: string): Started {
  return startProgram(
    join(own, 'server.ts'),
    { PLAYED_JWKS: JSON.stringify(issuers.jwks), NODE_OPTIONS: '--conditions=@onbehalf/source' },
    { preload: [playIssuers, 'tsx', './guard.ts'] },
  )
}

type Mode = 'legacy' | 'auto'

async function connect(url: URL, subject: string, organization: string, mode: Mode) {
  const claims = {
    sub: `auth0|${subject}`,
    org_id: organization,
    client_id: 'desktop',
    jti: subject,
  }
  const times = { iat: 0, exp: 300 }
  const token = await issuers.sign(
    { iss: 'https://acme.eu.auth0.com/', aud: resource, ...claims, ...times },
    'RS256',
  )
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    mode === 'auto' ? { versionNegotiation: { mode } } : {},
  )
  onTestFinished(() => client.close())
  const headers = { authorization: `Bearer ${token}` }
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  return client
}

async function call(client: Client, name: string, args = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args })
  return (content as { text: string }[])[0]?.text ?? ''
}

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1.0.0' },
  },
}

describe.each(['fastmcp', 'nestjs', 'mcp-framework'])('the page of %s', (page) => {
  let started: Started
  let url: URL

  beforeAll(async () => {
    started = start(writeFiles(page))
    const port = await started.port()
    if (port === undefined) throw new Error(started.output())
    url = new URL(`http://127.0.0.1:${port}/mcp`)
  })

  afterAll(async () => void (await started.stop()))

  test('refuses a caller without a token, and says where to sign in', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(initialize),
    })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="https://mcp.example.com${metadata}"`,
    )
    expect(await (await fetch(new URL(metadata, url))).json()).toMatchObject({ resource })
    expect(await printedSoon(started, 'refused MISSING no_credential')).toBe(true)
  })

  test.each<Mode>(['legacy', 'auto'])(
    'guards by its rules, for a client in mode %s',
    async (mode) => {
      const ada = await connect(url, 'ada', 'acme', mode)
      const eve = await connect(url, 'eve', 'globex', mode)
      expect(await call(ada, 'close_books', { month: '2026-10' })).toContain('closed 2026-10')
      expect((await eve.listTools()).tools.map(({ name }) => name)).toEqual(['whoami'])
      expect(await call(eve, 'close_books', { month: '2026-10' })).toBe(
        'Access denied: the caller does not act for this organization.',
      )
      expect(await printedSoon(started, 'allow close_books auth0|ada')).toBe(true)
      expect(await printedSoon(started, 'deny close_books auth0|eve')).toBe(true)
    },
  )

  test('tells tools who calls, each of two callers at once', async () => {
    const ada = await connect(url, 'ada', 'acme', 'legacy')
    const eve = await connect(url, 'eve', 'globex', 'legacy')
    const said = await Promise.all([ada, eve, ada, eve].map((client) => call(client, 'whoami')))
    const [first, second] = ['auth0|ada of acme', 'auth0|eve of globex']
    for (const [index, text] of said.entries()) expect(text).toContain(index % 2 ? second : first)
  })
})

test('mcp-framework does not serve its own HTTP transport', async () => {
  const own = writeFiles('mcp-framework', (text) =>
    text
      .replace(
        "version: '1.0.0'",
        "$&, transport: { type: 'http-stream', options: { port: 3000 } }",
      )
      .replace(/^serve\(.*$/m, 'await server.start()'),
  )
  const started = start(own)
  onTestFinished(async () => void (await started.stop()))
  await started.ended
  expect(started.output()).toContain(
    'TypeError: a transport without headers needs token or tokenFile',
  )
})
