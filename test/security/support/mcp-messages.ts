import type { Lines, RequestParts } from './http.ts'

/** Protocol versions as callers state them; `undefined` states none. */
export const protocolVersions: readonly (string | undefined)[] = [
  undefined,
  '2024-11-05',
  '2025-03-26',
  '2025-06-18',
  '2025-11-25',
  '2026-07-28',
  'junk',
]

const modernVersion = '2026-07-28'
const reserved = 'io.modelcontextprotocol'

/** A request of an MCP client: its header lines, credentials aside, and the rest of it. */
export interface McpMessage {
  readonly lines: Lines
  readonly parts: RequestParts
}

export interface ToolCall {
  readonly tool: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly id?: number
}

const common: Lines = [
  ['content-type', 'application/json'],
  ['accept', 'application/json, text/event-stream'],
]

/** A tool call as clients of a version send it. */
export function callTool(version: string | undefined, toolCall: ToolCall): McpMessage {
  const lines = [...common, ...versionLines(version), ...mirror(version, toolCall)]
  return { lines, parts: { body: JSON.stringify(toMessage(version, toolCall)) } }
}

/** The same call twice in one array. */
export function callBatch(version: string | undefined, toolCall: ToolCall): McpMessage {
  const { lines } = callTool(version, toolCall)
  const items = [1, 2].map((id) => toMessage(version, { ...toolCall, id }))
  return { lines, parts: { body: JSON.stringify(items) } }
}

/** A request without a message. */
export function bare(version: string | undefined, method: string): McpMessage {
  const accept = method === 'GET' ? 'text/event-stream' : 'application/json'
  return { lines: [['accept', accept], ...versionLines(version)], parts: { method } }
}

/** The handshake of the versions before 2026-07-28. */
export function initialize(): McpMessage {
  const clientInfo = { name: 'test', version: '1.0.0' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const message = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  return { lines: common, parts: { body: JSON.stringify(message) } }
}

function toMessage(version: string | undefined, { tool, args = {}, id = 1 }: ToolCall): object {
  const meta = {
    [`${reserved}/protocolVersion`]: modernVersion,
    [`${reserved}/clientInfo`]: { name: 'test', version: '1.0.0' },
    [`${reserved}/clientCapabilities`]: {},
  }
  const isModern = version === modernVersion
  const params = { name: tool, arguments: args, ...(isModern && { _meta: meta }) }
  return { jsonrpc: '2.0', id, method: 'tools/call', params }
}

function versionLines(version: string | undefined): Lines {
  return version === undefined ? [] : [['mcp-protocol-version', version]]
}

/** The headers that repeat parts of the message. */
function mirror(version: string | undefined, { tool, args }: ToolCall): Lines {
  if (version !== modernVersion) return []
  const orgId = args?.['orgId']
  return [
    ['mcp-method', 'tools/call'],
    ['mcp-name', tool],
    ...(typeof orgId === 'string' ? [['mcp-param-orgid', orgId] as const] : []),
  ]
}

/** The lines with these in place of those of the same name; `undefined` takes one away. */
export function change(lines: Lines, changes: Readonly<Record<string, string | undefined>>): Lines {
  const kept = lines.filter(([name]) => !(name in changes))
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return [...kept, ...added]
}

/** What an MCP server answered: results and errors, streamed or not. */
export interface RpcAnswer {
  readonly id?: unknown
  readonly result?: {
    readonly isError?: boolean
    readonly content?: readonly { readonly text?: string }[]
    readonly _meta?: Readonly<Record<string, { readonly reason?: string }>>
  }
  readonly error?: { readonly code: number; readonly message: string }
}

export function answersIn(text: string): readonly RpcAnswer[] {
  const data = text.startsWith('event:')
    ? text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
    : [text]
  return data.flatMap((part) => JSON.parse(part) as RpcAnswer | RpcAnswer[])
}

/** Why a tool call was denied. */
export function denialIn({ result }: RpcAnswer): string | undefined {
  return result?._meta?.['dev.onbehalf/denial']?.reason
}
