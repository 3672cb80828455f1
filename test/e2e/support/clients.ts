import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { denialKey } from '@onbehalf/mcp'

/** What a tool answered, or why the call was refused. */
export interface ToolAnswer {
  readonly text: string
  readonly refused?: string
}

export interface McpClient {
  listTools(): Promise<string[]>
  call(tool: string, args: Record<string, unknown>): Promise<ToolAnswer>
  close(): Promise<void>
}

export type Headers = Readonly<Record<string, string>>
export type Connect = (url: string | URL, headers: Headers) => Promise<McpClient>

const info = { name: 'test', version: '1.0.0' }
// A machine that has too much to do answers late.
const patient = { timeout: 300_000 }

/** A client of SDK v1. */
export const connectV1: Connect = async (url, headers) => {
  const client = new ClientV1(info)
  const transport = new HttpV1(new URL(url), { requestInit: { headers } })
  await client.connect(transport as never, patient)
  return wrap(client, (request) => client.callTool(request, undefined, patient))
}

/** A client of SDK v2 that speaks a revision with a handshake. */
export const connectLegacy: Connect = (url, headers) => connectV2(url, headers, 'legacy')

/** A client of SDK v2 that speaks the 2026-07-28 revision. */
export const connectModern: Connect = (url, headers) =>
  connectV2(url, headers, { pin: '2026-07-28' })

async function connectV2(
  url: string | URL,
  headers: Headers,
  mode: 'legacy' | { readonly pin: '2026-07-28' },
): Promise<McpClient> {
  const client = new ClientV2(info, { versionNegotiation: { mode } })
  await client.connect(new HttpV2(new URL(url), { requestInit: { headers } }), patient)
  return wrap(client, (request) => client.callTool(request, patient))
}

interface ToolRequest {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

function wrap(
  client: ClientV1 | ClientV2,
  callTool: (request: ToolRequest) => Promise<unknown>,
): McpClient {
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args) => toAnswer((await callTool({ name, arguments: args })) as Result),
    close: () => client.close(),
  }
}

/** A tool's result as it goes over the wire. */
export interface Result {
  readonly content: readonly { readonly text?: string }[]
  readonly _meta?: Readonly<Record<string, unknown>>
}

export function toAnswer({ content, _meta: meta }: Result): ToolAnswer {
  const text = content[0]?.text ?? ''
  const denial = meta?.[denialKey] as { readonly reason: string } | undefined
  return denial === undefined ? { text } : { text, refused: denial.reason }
}
