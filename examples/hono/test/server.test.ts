import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import type { LambdaEvent } from 'hono/aws-lambda'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const resource = 'https://mcp.example.com/mcp'
const host = new URL(resource).host
const call = (name: string, args: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } })

let people: LocalIssuer
let authorization: string

beforeAll(async () => {
  people = await createLocalIssuer({
    users: [{ id: 'ada', organization: { id: 'acme' } }],
    clients: [{ id: 'desktop' }],
    resources: [{ uri: resource }],
  })
  const { accessToken } = await people.signIn({ user: 'ada' })
  authorization = `Bearer ${accessToken}`
})
afterAll(() => people.close())

/** Sends a request, and gives status and body of the answer. */
type Send = (headers: Record<string, string>, body: string, path?: string) => Promise<unknown[]>

interface Running {
  readonly send: Send
  readonly stop: () => void
}

const ways: readonly (readonly [name: string, start: () => Promise<Running>])[] = [
  ['Node', startOnNode],
  ['Lambda', startOnLambda],
]

describe.each(ways)('the server on %s', (_name, start) => {
  let send: Send

  beforeAll(async () => {
    const running = await start()
    send = running.send
    return running.stop
  })

  it('knows on whose behalf', async () => {
    const [status, body] = await send({ authorization }, call('whoami'))
    expect(status).toBe(200)
    expect(body).toContain('{\\"user\\":\\"ada\\",\\"organization\\":\\"acme\\"}')
  })

  it('gives a user the data of their organization, and of no other', async () => {
    const [, own] = await send({ authorization }, call('read_ledger', { orgId: 'acme' }))
    expect(own).toContain('{\\"ledgerOf\\":\\"acme\\"}')
    const [, foreign] = await send({ authorization }, call('read_ledger', { orgId: 'globex' }))
    expect(foreign).toContain('"reason":"org_mismatch"')
  })

  it('refuses a caller without credentials, and says where to get them', async () => {
    expect((await send({}, call('whoami')))[0]).toBe(401)
    const [status, body] = await send({}, '', '/.well-known/oauth-protected-resource/mcp')
    expect(status).toBe(200)
    expect(JSON.parse(String(body))).toMatchObject({ authorization_servers: [people.issuer] })
  })

  it('answers for no other host', async () => {
    expect((await send({ authorization, host: 'evil.example' }, call('whoami')))[0]).toBe(403)
  })
})

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

async function startOnNode(): Promise<Running> {
  const port = await freePort()
  const child = spawn(
    process.execPath,
    ['--conditions=@onbehalf/source', '--import', 'tsx', 'src/server.ts'],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: {
        PATH: process.env['PATH'],
        PORT: String(port),
        RESOURCE: resource,
        ISSUER: people.issuer,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const failure = text(child.stderr)
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(async () => Promise.reject(new Error(await failure))),
  ])
  const send: Send = (headers, body, path = '/mcp') =>
    new Promise((resolve, reject) => {
      const options = { method: body ? 'POST' : 'GET', headers: { host, ...json, ...headers } }
      request(`http://127.0.0.1:${port}${path}`, options, (response) => {
        text(response).then((answer) => resolve([response.statusCode, answer]), reject)
      })
        .on('error', reject)
        .end(body)
    })
  return { send, stop: () => void child.kill() }
}

async function startOnLambda(): Promise<Running> {
  vi.stubEnv('RESOURCE', resource)
  vi.stubEnv('ISSUER', people.issuer)
  const { handler } = await import('../src/lambda.ts')
  const send: Send = async (headers, body, path = '/mcp') => {
    const answer = await handler(eventOf(path, { host, ...json, ...headers }, body))
    const encoding = answer.isBase64Encoded ? 'base64' : 'utf8'
    return [answer.statusCode, Buffer.from(answer.body, encoding).toString()]
  }
  return { send, stop: () => void vi.unstubAllEnvs() }
}

/** What Lambda passes for a request to a function URL (payload format 2.0). */
function eventOf(rawPath: string, headers: Record<string, string>, body: string): LambdaEvent {
  const http = { method: body ? 'POST' : 'GET', path: rawPath, protocol: 'HTTP/1.1' }
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: '',
    headers,
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
    requestContext: { domainName: 'abc123.lambda-url.eu-west-1.on.aws', http },
  } as LambdaEvent
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
