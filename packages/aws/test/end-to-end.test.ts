import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { GATEWAY, startWorld, type Way, type World, ways } from './end-to-end-world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.close())

type Lines = Readonly<Record<string, string>>

async function connect(way: Way, token: string, typed: Lines = {}): Promise<Client> {
  const client = new Client({ name: 'chat-app', version: '1.0.0' })
  const headers = { authorization: `Bearer ${token}`, ...typed }
  const url = new URL(world.gateway.mcpUrl(way))
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }))
  onTestFinished(() => client.close())
  return client
}

/** What the guarded tool says about the caller. */
async function whoami(way: Way, token: string, typed: Lines = {}): Promise<unknown> {
  const client = await connect(way, token, typed)
  const result = await client.callTool({ name: 'whoami', arguments: {} })
  const [content] = result.content as { text: string }[]
  return result.isError ? { refused: true } : (JSON.parse(content?.text ?? '') as unknown)
}

async function tokenOf(user: string): Promise<string> {
  return (await world.people.signIn({ user, client: 'chat-app', resource: GATEWAY })).accessToken
}

function post(url: string, headers: Lines): Promise<Response> {
  const accept = 'application/json, text/event-stream'
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'whoami', arguments: {} },
  }
  return fetch(url, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message),
  })
}

describe('a person’s call through gateway, interceptor and trigger', () => {
  it.each(ways)('reaches the guarded tool with user and organization: %s', async (way) => {
    expect(await whoami(way, await tokenOf('ada'))).toMatchObject({
      person: 'ada',
      organization: 'acme',
      roles: ['member'],
      // A secret of the interceptor names no gateway.
      gateway: way === 'plainHeaders' ? null : 'agent-gateway',
    })
  })

  it('names the issuer of the person where their token was verified', async () => {
    const expected = { issuer: world.people.issuer }
    expect(await whoami('forwarded', await tokenOf('ada'))).toMatchObject(expected)
    expect(await whoami('enriched', await tokenOf('ada'))).toMatchObject(expected)
  })

  it('keeps the chain of actors', async () => {
    const subjectToken = await tokenOf('ada')
    const { accessToken } = await world.people.exchange({
      client: 'agent',
      subjectToken,
      resource: GATEWAY,
    })
    expect(await whoami('forwarded', accessToken)).toMatchObject({ actor: { subject: 'agent' } })
    expect(await whoami('enriched', accessToken)).toMatchObject({
      actor: { subject: 'agent-gateway', actor: { subject: 'agent' } },
    })
  })

  it.each(ways)('is not mixed up with another at the same time: %s', async (way) => {
    const persons = ['ada', 'bob', 'ada', 'bob', 'bob', 'ada']
    const answers = await Promise.all(persons.map(async (user) => whoami(way, await tokenOf(user))))
    expect(answers.map((answer) => (answer as { person: string }).person)).toEqual(persons)
  })

  it.each(ways)('is refused by the guard without an organization: %s', async (way) => {
    expect(await whoami(way, await tokenOf('eve'))).toEqual({ refused: true })
  })
})

describe('hostile calls', () => {
  it.each(ways)('cannot type an identity over the real one: %s', async (way) => {
    const typed = {
      'x-user-token': await tokenOf('bob'),
      'x-user-id': 'bob',
      'x-tenant-id': 'globex',
      'x-roles': 'controller',
    }
    expect(await whoami(way, await tokenOf('ada'), typed)).toMatchObject({
      person: 'ada',
      organization: 'acme',
      roles: ['member'],
    })
  })

  it.each(ways)('are stopped without a good token of a person: %s', async (way) => {
    const claims = { sub: 'bob', aud: GATEWAY, client_id: 'chat-app', org_id: 'globex' }
    const expired = await world.people.minter.mint(claims, { expiresInSeconds: -60 })
    const foreign = await world.machines.minter.mint(claims)
    const machine = await world.people.minter.mint({ ...claims, sub: 'chat-app' })
    const status = async (token: string): Promise<number> =>
      (await post(world.gateway.mcpUrl(way), { authorization: `Bearer ${token}` })).status
    expect(await Promise.all([expired, foreign, machine].map(status))).toEqual([401, 401, 403])
  })

  it.each(['forwarded', 'plainHeaders'] as const)(
    'past the gateway are refused: %s',
    async (way) => {
      const typed = {
        'x-user-token': await tokenOf('bob'),
        'x-user-id': 'bob',
        'x-tenant-id': 'globex',
        'x-roles': '',
      }
      const server = world.serverUrl(way)
      expect((await post(server, typed)).status).toBe(401)
      const authorization = `Bearer ${await tokenOf('bob')}`
      expect((await post(server, { ...typed, authorization })).status).toBe(401)
      const other = await world.machines.clientCredentials({ client: 'other-gateway' })
      const stolen = { ...typed, authorization: `Bearer ${other.accessToken}` }
      expect((await post(server, stolen)).status).toBe(401)
      expect(world.refused.at(-1)).toBe(way === 'forwarded' ? 'client' : 'gateway_missing')
    },
  )

  it.each([
    ['forwarded', 'opaque_token'],
    ['plainHeaders', 'gateway_missing'],
  ] as const)(
    'through a gateway whose interceptor did not run are refused: %s',
    async (way, reason) => {
      const { accessToken } = await world.machines.clientCredentials({ client: 'agent-gateway' })
      const typed = {
        'x-user-token': 'typed',
        'x-user-id': 'ceo',
        'x-tenant-id': 'globex',
        'x-roles': 'admin',
      }
      const authorization = `Bearer ${accessToken}`
      const server = world.serverUrl(way)
      expect((await post(server, { ...typed, authorization })).status).toBe(401)
      expect(world.refused.at(-1)).toBe(reason)
      const guessed = { ...typed, authorization, 'x-interceptor-proof': 'guessed' }
      expect((await post(server, guessed)).status).toBe(401)
    },
  )

  it('get no person into a machine token', async () => {
    const bob = await tokenOf('bob')
    const forged = `${bob.slice(0, -6)}AAAAAA`
    const machines = world.machines
    const ask = (client: string, onBehalfOfToken: string): Promise<unknown> =>
      machines.clientCredentials({ client, clientMetadata: { onBehalfOfToken } })
    await expect(ask('agent-gateway', forged)).rejects.toMatchObject({ status: 400 })
    await expect(ask('agent-gateway', 'bob')).rejects.toMatchObject({ status: 400 })
    await expect(ask('other-gateway', bob)).rejects.toMatchObject({ status: 400 })
    const { accessToken } = await machines.clientCredentials({ client: 'agent-gateway' })
    expect(decodeJwt(accessToken)).not.toHaveProperty('onBehalfOf')
    const asMachine = await post(world.serverUrl('enriched'), {
      authorization: `Bearer ${accessToken}`,
    })
    expect(await asMachine.text()).not.toContain('"person')
  })
})

describe('the gateway’s own synchronization, without a person', () => {
  it('lists the tools', async () => {
    const tools = await world.gateway.listTools('forwarded')
    expect(tools.map(({ name }) => name)).toEqual(['whoami'])
  })

  it('is refused where the target has no credential: give it a tool schema instead', async () => {
    await expect(world.gateway.listTools('enriched')).rejects.toThrow('401')
  })
})
