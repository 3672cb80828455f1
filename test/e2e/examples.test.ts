import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { serverUrl, type World } from '../../examples/demo/src/world.ts'
import { connectLegacy, connectModern, connectV1, type McpClient } from './support/clients.ts'
import { bearerOf, type Example, examples, urlOf } from './support/examples.ts'
import { nodeOptions, runWorld } from './support/run-world.ts'

let world: World

beforeAll(async () => {
  world = await runWorld()
}, 60_000)
afterAll(() => world?.stop())

const clients = [
  { client: 'SDK v1', connect: connectV1, speaks: ['v1', 'v2'] },
  { client: 'SDK v2', connect: connectLegacy, speaks: ['v1', 'v2'] },
  { client: 'SDK v2 with the 2026-07-28 revision', connect: connectModern, speaks: ['v2'] },
] as const

describe.each(examples)('the example $name', (example) => {
  it('publishes where its tokens come from', async () => {
    const response = await fetch(metadataUrl(example))
    expect(response.status).toBe(200)
    const { people, machines } = world
    const isUsers = example.name === 'direct-token' || example.name === 'downstream'
    const issuer = isUsers ? people.issuer : machines.issuer
    expect(await response.json()).toMatchObject({
      resource: serverUrl(world, example.way),
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    })
  })

  it('leads a caller without credentials there', async () => {
    const response = await fetch(serverUrl(world, example.way), { method: 'POST' })
    expect(response.status).toBe(401)
    const challenge = response.headers.get('www-authenticate')
    expect(challenge).toContain(`resource_metadata="${metadataUrl(example)}"`)
    expect(challenge).not.toContain('error=')
  })

  const able = clients.filter(({ speaks }) => speaks.some((it) => it === example.generation))

  describe.each(able)('called by a client of $client', ({ connect }) => {
    it('knows on whose behalf', async () => {
      const client = await connectAs('ada')
      const { text: answer } = await client.call('whoami', {})
      expect(JSON.parse(answer)).toEqual(example.ada)
    })

    it('lists to each user the tools they may use', async () => {
      const all = ['whoami', 'list_invoices', 'read_ledger', ...(example.more ?? [])]
      expect(await (await connectAs('ada')).listTools()).toEqual(all)
      expect(await (await connectAs('bob')).listTools()).toEqual([...all, 'close_books'])
    })

    it('gives a user the data of their organization, and of no other', async () => {
      const [ada, gil] = [await connectAs('ada'), await connectAs('gil')]
      expect((await ada.call('list_invoices', {})).text).toContain('A-17')
      expect((await gil.call('list_invoices', {})).text).toContain('G-02')
      const refused = await ada.call('read_ledger', { orgId: 'globex' })
      expect(refused.refused).toBe('org_mismatch')
      expect(refused.text).not.toContain('G-02')
    })

    it('refuses what a role is needed for', async () => {
      const month = { month: '2026-10' }
      const { refused } = await (await connectAs('ada')).call('close_books', month)
      expect(refused).toBe('org_role_missing')
      expect((await (await connectAs('bob')).call('close_books', month)).text).toContain('bob')
    })

    async function connectAs(user: string): Promise<McpClient> {
      const authorization = await bearerOf(world, example, user)
      const client = await connect(urlOf(world, example), { authorization })
      onTestFinished(() => client.close())
      return client
    }
  })

  it('says at start-up which setting is missing, and ends', async () => {
    const { code, output } = await startAlone(example)
    expect(code).toBe(1)
    expect(output).toMatch(/Error: (ISSUER|GATEWAY_CLIENTS) is not set/)
  })

  it('ends when its port is taken, and does not say that it listens', async () => {
    const { code, output } = await startAlone(example, {
      PORT: new URL(serverUrl(world, example.way)).port,
      ISSUER: world.people.issuer,
      PEOPLE_ISSUER: world.people.issuer,
      PEOPLE_AUDIENCE: world.resources.gateway,
      GATEWAY_ISSUER: world.machines.issuer,
      GATEWAY_CLIENTS: 'agent-gateway',
      GATEWAY_SCOPES: 'mcp/invoke',
      CLIENT_SECRET: 'secret',
    })
    expect(code).toBe(1)
    expect(output).toContain('EADDRINUSE')
    expect(output).not.toContain('listening on')
  })
})

function metadataUrl(example: Example): string {
  const { origin, pathname } = new URL(serverUrl(world, example.way))
  return `${origin}/.well-known/oauth-protected-resource${pathname}`
}

/** Starts an example with these settings alone, and waits for its end. */
async function startAlone(
  { name }: Example,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; output: string }> {
  const cwd = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [...nodeOptions, 'src/server.ts'], {
    cwd,
    env: { PATH, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill())
  const exit = new Promise((resolve) => child.once('exit', resolve))
  const [code, ...output] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  return { code, output: output.join('') }
}
