import { randomBytes, randomUUID } from 'node:crypto'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  createMcpHandler,
  createRequestStateCodec,
  inputRequired,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { callerKey, protect } from '@onbehalf/mcp'
import { type Handle, host, modern } from '../support/http-host.ts'
import { makeServer, nothing, reply } from '../support/make-server.ts'
import { call, type Generation } from '../support/raw.ts'

/** What ada has opened, and the name by which others may get hold of it. */
interface Site {
  readonly url: URL
  /** Id of a session or task, or a request state. */
  readonly handle: string
  readonly close: () => Promise<void>
}

/** One thing that somebody may try with the name of what is ada's. */
interface Attempt {
  readonly what: string
  readonly send: (site: Site, handle: string, caller: string) => Promise<Response>
}

/** One way in which a server keeps something between requests. */
export interface KeepingWay {
  readonly name: string
  readonly attempts: readonly Attempt[]
  readonly start: () => Promise<Site>
}

const secret = 'the secret of ada'
const accept = 'application/json, text/event-stream'
const type = 'application/json'

function post(url: URL, body: unknown, headers: Record<string, string>): Promise<Response> {
  const sent = { accept, 'content-type': type, ...headers }
  return fetch(url, { method: 'POST', headers: sent, body: JSON.stringify(body) })
}

const initialize = {
  jsonrpc: '2.0',
  id: 'hello',
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: { elicitation: {} },
    clientInfo: { name: 'matrix', version: '1' },
  },
}
const cancellation = {
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId: 1 },
}

function secretServer(generation: Generation) {
  const server = protect(makeServer(generation))
  server.registerTool('secret', { inputSchema: nothing }, async () => reply(secret))
  return server
}

// A session

type Transport = StreamableHTTPServerTransport

function withSessions(generation: Generation): Handle {
  const Streamable = (
    generation === 'v1' ? StreamableHTTPServerTransport : NodeStreamableHTTPServerTransport
  ) as new (
    options: object,
  ) => Transport
  const sessions = new Map<unknown, Transport>()
  return async (req, res, body) => {
    const id = req.headers['mcp-session-id']
    const [any] = sessions.values()
    const known = sessions.get(id) ?? (id === undefined ? undefined : any)
    const transport: Transport =
      known ??
      new Streamable({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (made: string) => void sessions.set(made, transport),
      })
    if (known === undefined) await secretServer(generation).connect(transport as never)
    await transport.handleRequest(req as never, res as never, body)
  }
}

async function openSession(generation: Generation): Promise<Site> {
  const running = await host(withSessions(generation))
  const { url } = running
  const opened = await post(url, initialize, { 'x-caller': 'ada' })
  await opened.text()
  return { url, close: () => running.close(), handle: opened.headers.get('mcp-session-id') ?? '' }
}

function inSession(what: string, method: string, body?: object, more: object = {}): Attempt {
  return {
    what,
    send: ({ url }, handle, caller) => {
      const headers = { 'x-caller': caller, 'mcp-session-id': handle, ...more }
      return body === undefined
        ? fetch(url, { method, headers: { accept, ...headers } })
        : post(url, body, headers)
    },
  }
}

const answer = { jsonrpc: '2.0', id: 0, result: { action: 'accept', content: {} } }
const sessionAttempts = [
  inSession('POST of a call', 'POST', call(1, 'secret')),
  inSession('POST of a batch', 'POST', [call(1, 'secret'), call(2, 'secret')]),
  inSession('POST of an answer to an elicitation', 'POST', answer),
  inSession('POST of a cancellation', 'POST', cancellation),
  inSession('GET of the stream', 'GET'),
  inSession('GET with `Last-Event-ID`', 'GET', undefined, { 'last-event-id': 'any' }),
  inSession('DELETE', 'DELETE'),
]

// A stream of the older transport

async function openOldStream(): Promise<Site> {
  const transports = new Map<string, SSEServerTransport>()
  const running = await host(async (req, res, body) => {
    if (req.method === 'GET') {
      const transport = new SSEServerTransport('/mcp', res)
      transports.set(transport.sessionId, transport)
      return secretServer('v1').connect(transport as never)
    }
    const id = new URL(req.url ?? '', 'http://127.0.0.1').searchParams.get('sessionId') ?? ''
    const [any] = transports.values()
    await (transports.get(id) ?? any)?.handlePostMessage(req as never, res, body)
  })
  const { url } = running
  const stream = await fetch(url, { headers: { accept, 'x-caller': 'ada' } })
  const { value } = await stream.body!.pipeThrough(new TextDecoderStream()).getReader().read()
  return {
    url,
    close: () => running.close(),
    handle: /sessionId=(\S+)/.exec(value ?? '')?.[1] ?? '',
  }
}

function intoStream(what: string, body: object): Attempt {
  return {
    what,
    send: ({ url }, handle, caller) =>
      post(new URL(`?sessionId=${handle}`, url), body, { 'x-caller': caller }),
  }
}

const oldAttempts = [
  intoStream('POST of a call', call(1, 'secret')),
  intoStream('POST of a batch', [call(1, 'secret'), call(2, 'secret')]),
  intoStream('POST of an answer to an elicitation', answer),
  intoStream('POST of a cancellation', cancellation),
]

// A task

const tasks = new InMemoryTaskStore()
const taskOptions = {
  taskStore: tasks,
  capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
}

const longTask = {
  createTask: async () => {
    const task = await tasks.createTask({ ttl: 60_000 }, 1, { method: 'tools/call' } as never)
    await tasks.storeTaskResult(task.taskId, 'completed', reply(secret))
    return { task }
  },
  getTask: async (_args: unknown, { taskId }: { taskId: string }) => tasks.getTask(taskId),
  getTaskResult: async (_args: unknown, { taskId }: { taskId: string }) =>
    tasks.getTaskResult(taskId),
}

async function makeTask(): Promise<Site> {
  const running = await host(async (req, res, body) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    res.on('close', () => void transport.close())
    const server = protect(makeServer('v1', taskOptions))
    const config = { inputSchema: nothing, execution: { taskSupport: 'required' as const } }
    server.experimental.tasks.registerToolTask('long', config, longTask as never)
    await server.connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  })
  const { url } = running
  const asked = { ...call(1, 'long').params, task: { ttl: 60_000 } }
  const made = await post(url, { ...call(1, 'long'), params: asked }, { 'x-caller': 'ada' })
  const { result } = (await made.json()) as { result: { task: { taskId: string } } }
  return {
    url,
    handle: result.task.taskId,
    close: () => {
      tasks.cleanup()
      return running.close()
    },
  }
}

const taskAttempts = ['tasks/get', 'tasks/list', 'tasks/cancel', 'tasks/result'].map(
  (method): Attempt => ({
    what: `\`${method}\``,
    send: ({ url }, taskId, caller) =>
      post(url, { jsonrpc: '2.0', id: 1, method, params: { taskId } }, { 'x-caller': caller }),
  }),
)

// A request state

async function makeState(): Promise<Site> {
  const state = createRequestStateCodec({ key: randomBytes(32), bind: callerKey })
  const verify: typeof state.verify = (...sent) => state.verify(...sent)
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = protect(makeServer('v2', { requestState: { verify } }))
      const ask = async (_args: object, ctx: ServerContext) =>
        ctx.mcpReq.requestState() === undefined
          ? inputRequired({ inputRequests: {}, requestState: await state.mint({}, ctx) })
          : reply(secret)
      server.registerTool('ask', { inputSchema: nothing }, ask as never)
      return server as never
    }),
  )
  const running = await host((req, res, body) => handle(req as never, res as never, body))
  const { url } = running
  const asked = await (await continueWith(url, 'ada')).text()
  return {
    url,
    close: () => running.close(),
    handle: /"requestState":"([^"]+)"/.exec(asked)?.[1] ?? '',
  }
}

function continueWith(url: URL, caller: string, requestState?: string): Promise<Response> {
  const params = { ...call(1, 'ask').params, ...(requestState && { requestState }) }
  const { body, headers } = modern('tools/call', params)
  return post(url, body, { ...headers, 'x-caller': caller })
}

const stateAttempts: Attempt[] = [
  { what: 'request state', send: ({ url }, state, caller) => continueWith(url, caller, state) },
]

/** Every way to keep something between requests, and what others may try with it. */
export const keepingWays: readonly KeepingWay[] = [
  { name: 'v1 sessions', attempts: sessionAttempts, start: () => openSession('v1') },
  { name: 'v2 sessions', attempts: sessionAttempts, start: () => openSession('v2') },
  { name: 'HTTP and SSE', attempts: oldAttempts, start: openOldStream },
  { name: 'v1 tasks', attempts: taskAttempts, start: makeTask },
  { name: 'v2 2026-07-28', attempts: stateAttempts, start: makeState },
]

/** What one attempt of somebody else gave. */
export interface Attempted {
  readonly way: string
  readonly what: string
  /** As for what does not exist, or what leaked. */
  readonly verdict: string
}

/**
 * Tries everything as eve with the name of what is ada's, and with a name that nothing has: both
 * must give the same. Then ada uses what is hers, which must still be there and do more than that.
 */
export async function runKeeping({ name, attempts, start }: KeepingWay): Promise<Attempted[]> {
  const tried: Attempted[] = []
  for (const { what, send } of attempts) {
    const site = await start()
    const unknown = '0'.repeat(site.handle.length)
    const foreign = await look(await send(site, site.handle, 'eve'), site.handle)
    const nothingThere = await look(await send(site, unknown, 'eve'), unknown)
    const own = await look(await send(site, site.handle, 'ada'), site.handle)
    await site.close()
    const isSame = foreign === nothingThere && !foreign.includes(secret)
    const verdict = !isSame ? `LEAK ${foreign}` : own === foreign ? 'LOST' : inShort(foreign)
    tried.push({ way: name, what, verdict })
  }
  return tried
}

/** Status and text of an answer, up to the first event of a stream. */
async function look(response: Response, handle: string): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  const wait = new Promise<string>((resolve) => setTimeout(() => resolve(''), 100))
  let text = ''
  for (;;) {
    const part = reader?.read().then(({ value }) => value ?? '') ?? ''
    const got = isStream ? await Promise.race([part, wait]) : await part
    if (got === '') break
    text += got
  }
  await reader?.cancel()
  // Event ids and times are made anew for each answer.
  const stable = text.replace(/^id: .*$/gm, '').replaceAll(handle, 'HANDLE')
  return `${response.status} ${stable.trim()}`
}

function inShort(seen: string): string {
  const code = /"code":(-?\d+)/.exec(seen)?.[1]
  if (code === undefined) return 'left out'
  return seen.startsWith('200') ? code : `${seen.slice(0, 3)}, ${code}`
}

/** The attempts as a Markdown table, one column for each way. */
export function formatKeeping(tried: readonly Attempted[]): string {
  const names = keepingWays.map(({ name }) => name)
  const rows = [...new Set(tried.map(({ what }) => what))]
  const cell = (what: string, way: string): string =>
    tried.find((one) => one.what === what && one.way === way)?.verdict ?? ''
  const head = ['attempt', ...names]
  const body = rows.map((what) => [what, ...names.map((way) => cell(what, way))])
  const lines = [head, head.map(() => '---'), ...body]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
