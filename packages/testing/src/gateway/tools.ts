import { type GatewayHooks, reportHops } from './hop.ts'
import type { Target } from './targets.ts'

/** A tool as its server describes it. */
export interface ListedTool {
  readonly name: string
  readonly [member: string]: unknown
}

interface Rpc {
  readonly id?: unknown
  readonly result?: Record<string, unknown>
}

/** Headers of a session under way. */
type Session = Readonly<Record<string, string>>

// What samples of AgentCore Gateway list last in `supportedVersions`.
const PROTOCOL_VERSION = '2025-06-18'
const MAX_PAGES = 100
const TIMEOUT_MS = 10_000

/** Lists a target's tools as listing mode `DEFAULT` does: `initialize`, then `tools/list`, without a caller. */
export async function listTools(
  target: Target,
  hooks: GatewayHooks,
  closing: AbortSignal,
): Promise<readonly ListedTool[]> {
  const credential = await target.outbound.headers(undefined)
  const signal = AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)])
  const send = createSend(target, { hooks, credential, signal })
  const session = await initialize(send)
  const tools = await readPages(send, session)
  if (session['mcp-session-id'] !== undefined) await send('DELETE', undefined, session)
  return tools
}

type Send = (httpMethod: string, message: object | undefined, session: Session) => Promise<Response>

interface SendContext {
  readonly hooks: GatewayHooks
  readonly credential: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

function createSend(target: Target, { hooks, credential, signal }: SendContext): Send {
  return async (httpMethod, message, session) => {
    const headers = {
      accept: 'application/json, text/event-stream',
      ...(message && { 'content-type': 'application/json' }),
      ...session,
      ...credential,
    }
    const body = message ? JSON.stringify(message) : null
    const response = await fetch(target.endpoint, { method: httpMethod, headers, body, signal })
    const { method } = (message ?? {}) as { method?: string }
    const call = { target: target.name, httpMethod, inbound: undefined, headers }
    reportHops(hooks, call, [{ id: null, method, tool: undefined }])
    return response
  }
}

async function initialize(send: Send): Promise<Session> {
  const clientInfo = { name: 'local-gateway', version: '1.0.0' }
  const params = { protocolVersion: PROTOCOL_VERSION, capabilities: {}, clientInfo }
  const response = await send('POST', { jsonrpc: '2.0', id: 0, method: 'initialize', params }, {})
  const { protocolVersion = PROTOCOL_VERSION } = await readResult(response, 0)
  const id = response.headers.get('mcp-session-id')
  const session = {
    'mcp-protocol-version': String(protocolVersion),
    ...(id !== null && { 'mcp-session-id': id }),
  }
  const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
  const accepted = await send('POST', initialized, session)
  await accepted.body?.cancel()
  return session
}

async function readPages(send: Send, session: Session): Promise<ListedTool[]> {
  const tools: ListedTool[] = []
  let cursor: unknown
  for (let id = 1; id <= MAX_PAGES; id += 1) {
    const params = cursor === undefined ? {} : { cursor }
    const message = { jsonrpc: '2.0', id, method: 'tools/list', params }
    const page = await readResult(await send('POST', message, session), id)
    tools.push(...(page['tools'] as ListedTool[]))
    cursor = page['nextCursor']
    if (cursor === undefined) return tools
  }
  throw new Error('the target does not stop listing tools')
}

async function readResult(response: Response, id: number): Promise<Record<string, unknown>> {
  const text = await response.text()
  if (!response.ok) throw new Error(`the target answered with HTTP status ${response.status}`)
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const messages = isStream ? parseEvents(text) : [JSON.parse(text) as Rpc]
  const result = messages.find((message) => message.id === id)?.result
  if (result === undefined) throw new Error('the target answered with an error')
  return result
}

/** The messages of an event stream; an event without data carries none. */
function parseEvents(text: string): Rpc[] {
  return text.split(/\r?\n\r?\n/).flatMap((event) => {
    const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'))
    const data = lines.map((line) => line.slice('data:'.length)).join('\n')
    return data.trim() === '' ? [] : [JSON.parse(data) as Rpc]
  })
}
