import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSigner } from '../../packages/core/test/support/signer.ts'
import { createCertificate } from '../../packages/express/test/certificate.ts'
import { findNode } from '../conformance/find-node.ts'

const run = promisify(execFile)
// A name that nothing resolves: only the proxy can reach it.
const host = 'login.test'
const folder = new URL('../../.artifacts/proxied-keys/', import.meta.url)
const node = await findNode().catch(() => undefined)

let tunnels: string[] = []
const servers: Server[] = []

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

let environment: Record<string, string>

beforeAll(async () => {
  const { jwks } = await createSigner('a')
  const { cert, key } = createCertificate(host)
  mkdirSync(folder, { recursive: true })
  const authority = new URL('authority.pem', folder)
  writeFileSync(authority, cert)
  const idp = createSecureServer({ cert, key }, (_req, res) => void res.end(JSON.stringify(jwks)))
  const port = await listen(idp)
  // Whatever is not a tunnel is refused.
  const proxy = createServer((_req, res) => void res.writeHead(400).end())
  proxy.on('connect', (req, socket) => {
    tunnels.push(String(req.url))
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [upstream, socket]) end.on('error', () => socket.destroy())
  })
  environment = {
    PATH: process.env['PATH'] ?? '',
    HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}`,
    NO_PROXY: 'localhost',
    NODE_EXTRA_CA_CERTS: fileURLToPath(authority),
  }
})

afterAll(() => {
  for (const server of servers) server.close()
})

/** Loads keys in a process that is given a proxy: what its authenticator reported. */
async function load(name: string, program: string, env: Record<string, string> = {}) {
  tunnels = []
  const file = new URL(`${name}.ts`, folder)
  writeFileSync(file, program)
  const flags = ['--import', 'tsx', '--conditions=@onbehalf/source', fileURLToPath(file)]
  const { stdout } = await run(String(node), flags, { env: { ...environment, ...env } })
  return { events: stdout.trim().split('\n'), tunnels }
}

const start = `
import { createAuthenticator, direct } from '@onbehalf/core'
const authenticator = createAuthenticator({
  resource: 'https://mcp.example.com/mcp',
  sources: [direct({ issuer: people })],
  onEvent: (event) => console.log('reason' in event ? event.reason : event.type),
})
await authenticator.ready().catch(() => {})
process.exit()
`

/** The program of the guide, for the issuer of this test. */
function recipe(): string {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, section = ''] = page.split('## Behind an outbound proxy')
  const [, block = ''] = /```ts\n([\s\S]*?)```/.exec(section) ?? []
  const keys = `keys: { jwksUri: 'https://${host}/keys' },\n  fetch:`
  return block.replace('fetch:', keys)
}

describe.skipIf(node === undefined)('keys behind a proxy', () => {
  it('are loaded by the recipe of the guide', async () => {
    const loaded = await load('undici', recipe() + start)
    expect(loaded).toEqual({ events: ['keys_loaded'], tunnels: [`${host}:443`] })
  })

  const plain = `
import { issuer } from '@onbehalf/core'
const people = issuer({
  iss: 'https://login.example.com',
  audience: 'https://mcp.example.com/mcp',
  kind: 'by-client',
  keys: { jwksUri: 'https://${host}/keys' },
})
`

  it("are loaded with Node's own switch", async () => {
    const loaded = await load('switch', plain + start, { NODE_USE_ENV_PROXY: '1' })
    expect(loaded).toEqual({ events: ['keys_loaded'], tunnels: [`${host}:443`] })
  })

  it('are not reached without either', async () => {
    const loaded = await load('without', plain + start)
    expect(loaded).toEqual({ events: ['dns'], tunnels: [] })
  })
})
