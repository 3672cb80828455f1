import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const RESOURCE = 'https://runtime.example.com/mcp'
const USER_TOKEN = 'x-amzn-bedrock-agentcore-runtime-custom-user-token'

let people: LocalIssuer
let machines: LocalIssuer

beforeAll(async () => {
  people = await createLocalIssuer({
    users: [{ id: 'ada', organization: { id: 'acme' }, roles: ['member'] }],
    clients: [{ id: 'web' }],
    resources: [{ uri: RESOURCE }],
  })
  machines = await createLocalIssuer({
    users: [],
    clients: ['gateway', 'other'].map((id) => ({ id, secret: `${id}-secret` })),
    resources: [{ uri: RESOURCE, scopes: ['mcp/invoke'] }],
  })
})
afterAll(() => Promise.all([people.close(), machines.close()]))

interface Container {
  readonly log: string[]
  readonly call: (tool: string, headers: Readonly<Record<string, string>>) => Promise<Answer>
  readonly list: (headers: Readonly<Record<string, string>>) => Promise<Answer>
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** The server as the runtime starts it: settings in the environment, nothing else. */
async function start(settings: Readonly<Record<string, string>>): Promise<Container> {
  const port = await freePort()
  const { PATH = '' } = process.env
  const child = spawn(
    process.execPath,
    ['--conditions=@onbehalf/source', '--import', 'tsx', 'src/server.ts'],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: {
        PATH,
        PORT: String(port),
        HOST: '127.0.0.1',
        RESOURCE,
        ...userSettings(),
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  onTestFinished(() => stop(child))
  const log: string[] = []
  child.stderr.on('data', (data: Buffer) => log.push(data.toString()))
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(log.join('')))),
  ])
  const post = async (message: object, headers: object): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': 'added-by-the-runtime',
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    })
    return { status: response.status, text: await response.text() }
  }
  return {
    log,
    call: (name, headers) =>
      post({ method: 'tools/call', params: { name, arguments: {} } }, headers),
    list: (headers) => post({ method: 'tools/list', params: {} }, headers),
  }
}

function userSettings(): Record<string, string> {
  return { PEOPLE_ISSUER: people.issuer, PEOPLE_AUDIENCE: RESOURCE }
}

function gatewaySettings(): Record<string, string> {
  return {
    BEHIND: 'gateway',
    GATEWAY_ISSUER: machines.issuer,
    GATEWAY_AUDIENCE: RESOURCE,
    GATEWAY_CLIENTS: 'gateway',
    GATEWAY_SCOPES: 'mcp/invoke',
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const ada = async (): Promise<string> => (await people.signIn({ user: 'ada' })).accessToken
const machine = async (client: string): Promise<string> =>
  (await machines.clientCredentials({ client, scope: 'mcp/invoke' })).accessToken

/** What the platform adds, and what callers may say of themselves. */
const platform = {
  'x-amzn-bedrock-agentcore-runtime-user-id': 'bob',
  'x-amz-bedrock-agentcore-identity-wat': 'workload-credential',
  workloadaccesstoken: 'workload-credential',
}

describe('called by a user', () => {
  it('verifies the token again, and takes no identity from the platform’s headers', async () => {
    const { call, log } = await start({})
    const authorization = `Bearer ${await ada()}`
    const answer = await call('whoami', { authorization, ...platform })
    expect(answer.text).toContain('\\"user\\":\\"ada\\"')
    expect(await call('whoami', platform)).toMatchObject({ status: 401 })
    const forged = { ...platform, authorization: `${authorization.slice(0, -8)}AAAAAAAA` }
    expect(await call('whoami', forged)).toMatchObject({ status: 401 })
    expect(log.join('')).toBe('refused: MISSING no_credential\nrefused: TOK signature\n')
  })
})

describe('called by a gateway', () => {
  it('takes the user from the header beside the machine token', async () => {
    const { call } = await start(gatewaySettings())
    const authorization = `Bearer ${await machine('gateway')}`
    const answer = await call('whoami', { authorization, [USER_TOKEN]: await ada(), ...platform })
    expect(answer.text).toContain('\\"user\\":\\"ada\\"')
    expect(answer.text).toContain('\\"gateway\\":\\"gateway\\"')
    const alone = await call('whoami', { [USER_TOKEN]: await ada() })
    expect(alone.status).toBe(401)
    const other = { authorization: `Bearer ${await machine('other')}`, [USER_TOKEN]: await ada() }
    expect(await call('whoami', other)).toMatchObject({ status: 401 })
  })

  it('lists tools without a user, and calls none', async () => {
    const { call, list } = await start(gatewaySettings())
    const authorization = `Bearer ${await machine('gateway')}`
    expect((await list({ authorization })).text).toContain('list_invoices')
    // As when the runtime dropped a token above 4 KB.
    expect((await call('list_invoices', { authorization })).text).not.toContain('A-17')
  })
})
