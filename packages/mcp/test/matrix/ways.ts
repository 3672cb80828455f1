import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { StdioServerTransport as StdioV1 } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { StdioServerTransport as StdioV2, serveStdio } from '@modelcontextprotocol/server/stdio'
import { protect, protectedHandler, protectedStdio } from '@onbehalf/mcp'
import { callers } from '../support/callers.ts'
import { type Handle, host, modern, type Rpc } from '../support/http-host.ts'
import type { AnyServer } from '../support/make-server.ts'
import { type Generation, type Message, wire } from '../support/raw.ts'
import { createTokenAuthenticator, mintToken, start } from '../support/tokens.ts'
import { guarding, makeEverything, makeGuarded, makeLowLevel } from './everything.ts'
import type { Column, Row } from './rows.ts'

/** An answer as a client gets it. */
export interface Got extends Rpc {
  /** Absent without HTTP. */
  readonly status?: number
}

type Ask = (row: Row) => Promise<Got>

/** One way to run a server, connected as one caller. */
export interface Way {
  readonly name: string
  connect(column: Column): Promise<{ ask: Ask; close(): Promise<void> }>
}

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId'

const claims: Record<Exclude<Column, 'nobody'>, object> = {
  service: { sub: 'agent', org_id: 'acme', scope: 'pay' },
  'wrong org': { sub: 'eve', org_id: 'globex', scope: 'pay' },
  'missing scope': { sub: 'bob', org_id: 'acme' },
  'right org': { sub: 'ada', org_id: 'acme', scope: 'pay' },
}

const authenticator = createTokenAuthenticator(() => start)

function tokenOf(column: Exclude<Column, 'nobody'>): string {
  return mintToken({ ...claims[column], iat: start, exp: start + 300 })
}

/** The verified identity of a column, under a name by which the test server knows it. */
async function callerOf(column: Column): Promise<string | undefined> {
  if (column === 'nobody') return undefined
  const headers = { authorization: `Bearer ${tokenOf(column)}` }
  const identity = await authenticator.authenticate({ headers })
  const name = column.replace(' ', '-')
  callers.set(name, identity as never)
  return name
}

const initialize = {
  jsonrpc: '2.0',
  id: 'hello',
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'matrix', version: '1' },
  },
}

function legacy({ method, params }: Row): { body: object; headers: Record<string, string> } {
  return { body: { jsonrpc: '2.0', id: 1, method, ...(params && { params }) }, headers: {} }
}

function latest({ method, params }: Row) {
  const { body, headers } = modern(method, params)
  const task = params?.['taskId']
  return { body, headers: { ...headers, ...(typeof task === 'string' && { 'mcp-name': task }) } }
}

type Encode = typeof legacy

async function post(url: URL, body: object, headers: Record<string, string>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  })
}

/** Reads as far as the first message: some streams stay open. */
async function readAnswer(response: Response): Promise<Got> {
  const { status } = response
  if (response.body === null) return { status }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value
    const message = /^data: (\{.*\})$/m.exec(text)?.[1]
    if (message === undefined) continue
    await reader.cancel()
    return { ...(JSON.parse(message) as Rpc), status }
  }
  return { ...(text === '' ? {} : (JSON.parse(text) as Rpc)), status }
}

function overHttp(handle: () => Handle, encode: Encode, keepsSession = false): Way['connect'] {
  return async (column) => {
    const name = await callerOf(column)
    const running = await host(handle())
    const { url } = running
    const caller = name === undefined ? {} : { 'x-caller': name }
    const session: Record<string, string> = {}
    if (keepsSession) {
      const opened = await post(url, initialize, caller)
      await opened.text()
      session['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
    }
    const ask: Ask = async (row) => {
      const { body, headers } = encode(row)
      const current = row.method === 'initialize' ? {} : session
      return readAnswer(await post(url, body, { ...headers, ...caller, ...current }))
    }
    return { ask, close: () => running.close() }
  }
}

interface NodeTransport {
  handleRequest(req: never, res: never, body: unknown): Promise<void>
}

function stateless(): Handle {
  return async (req, res, body) => {
    const transport = new StreamableHTTPServerTransport({})
    res.on('close', () => void transport.close())
    await makeGuarded('v1').connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  }
}

function stateful(generation: Generation): () => Handle {
  const Transport = (
    generation === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport
  ) as new (
    options: object,
  ) => NodeTransport
  return () => {
    const sessions = new Map<unknown, NodeTransport>()
    return async (req, res, body) => {
      const known = sessions.get(req.headers['mcp-session-id'])
      const transport =
        known ??
        new Transport({
          sessionIdGenerator: () => randomUUID(),
          onsessioninitialized: (id: string) => void sessions.set(id, transport),
        })
      if (known === undefined) await makeGuarded(generation).connect(transport as never)
      await transport.handleRequest(req as never, res as never, body)
    }
  }
}

function entry(): Handle {
  const create = () => makeEverything('v2') as never
  const handler = protectedHandler(createMcpHandler, create, { authenticator: null, ...guarding })
  const handle = toNodeHandler(handler)
  return (req, res, body) => handle(req as never, res as never, body)
}

function inMemory(
  generation: Generation,
  make: (generation: Generation) => AnyServer,
): Way['connect'] {
  return async (column) => {
    const name = await callerOf(column)
    const line = await wire(generation, make(generation))
    let id = 0
    const ask: Ask = async (row) => {
      id += 1
      return line.ask({ ...legacy(row).body, id }, name)
    }
    return { ask, close: () => line.close() }
  }
}

type OpenStdio = (input: PassThrough, output: PassThrough, token?: string) => Promise<void>

const stdioV1: OpenStdio = async (input, output, token) => {
  const server = protect(makeEverything('v1'), { ...guarding, ...lineOf(token) })
  await server.connect(new StdioV1(input, output))
}

const stdioV2: OpenStdio = async (input, output, token) => {
  const create = () => makeEverything('v2') as never
  const transport = new StdioV2(input, output)
  protectedStdio(serveStdio, create, { ...guarding, ...lineOf(token), transport })
}

function lineOf(token: string | undefined) {
  return { authenticator, ...(token === undefined ? { guests: true } : { token }) }
}

function onStdio(open: OpenStdio, encode: Encode, first: readonly object[]): Way['connect'] {
  return async (column) => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    let written = ''
    output.on('data', (chunk: Buffer) => {
      written += chunk.toString('utf8')
    })
    await open(input, output, column === 'nobody' ? undefined : tokenOf(column))
    const send = (message: object) => input.write(`${JSON.stringify(message)}\n`)
    for (const message of first) send(message)
    let id = 0
    const ask: Ask = async (row) => {
      id += 1
      send({ ...encode(row).body, id })
      for (let round = 0; round < 400; round++) {
        const answers = written.split('\n').filter((text) => text.endsWith('}'))
        const answer = answers.map((text) => JSON.parse(text) as Message).find(isAnswerTo(id))
        if (answer !== undefined) return answer
        await delay(2)
      }
      throw new Error(`no answer to ${row.method}`)
    }
    return { ask, close: async () => void input.end() }
  }
}

// A stream is answered with a notification that names the request.
function isAnswerTo(id: number): (message: Message) => boolean {
  const subscription = (params: Message['params']): unknown =>
    (params?.['_meta'] as Record<string, unknown> | undefined)?.[subscriptionKey]
  return (message) => message.id === id || subscription(message.params) === id
}

/** Every way in which a server of either generation is run. */
export const ways: readonly Way[] = [
  { name: 'v1 stateless', connect: overHttp(stateless, legacy) },
  { name: 'v1 stateful, SSE', connect: overHttp(stateful('v1'), legacy, true) },
  { name: 'v2 legacy era', connect: overHttp(entry, legacy) },
  { name: 'v2 legacy era, sessions', connect: overHttp(stateful('v2'), legacy, true) },
  { name: 'v2 2026-07-28', connect: overHttp(entry, latest) },
  { name: 'v1 low-level Server', connect: inMemory('v1', makeLowLevel) },
  { name: 'v2 low-level Server', connect: inMemory('v2', makeLowLevel) },
  { name: 'v1 stdio', connect: onStdio(stdioV1, legacy, [initialize]) },
  { name: 'v2 stdio, legacy era', connect: onStdio(stdioV2, legacy, [initialize]) },
  { name: 'v2 stdio, 2026-07-28', connect: onStdio(stdioV2, latest, []) },
  { name: 'v1 in memory', connect: inMemory('v1', makeGuarded) },
  { name: 'v2 in memory', connect: inMemory('v2', makeGuarded) },
]
