import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  InMemoryTransport as MemoryV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { type Denial, denialKey } from '@onbehalf/mcp'
import { authInfoOf } from './callers.ts'

/** What became of a request, in the same words for every client. */
export type Outcome =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'denied'; readonly text: string; readonly denial: Denial }
  | { readonly kind: 'failed'; readonly text: string }
  | {
      readonly kind: 'error'
      readonly code: number
      readonly message: string
      readonly data: unknown
    }
  | { readonly kind: 'challenged' }

export interface TestClient {
  call(tool: string, args?: Record<string, unknown>): Promise<Outcome>
  read(uri: string): Promise<Outcome>
  prompt(name: string, args: Record<string, string>): Promise<Outcome>
  listTools(): Promise<string[]>
  listAll(): Promise<{ prompts: string[]; resources: string[]; templates: string[] }>
  close(): Promise<void>
}

type AnyClient = ClientV1 | ClientV2
interface Sender {
  send(message: never, options?: object): Promise<void>
}

const info = { name: 'test', version: '1.0.0' }

function httpOptions(caller: string | undefined) {
  return { requestInit: { headers: caller === undefined ? {} : { 'x-caller': caller } } }
}

export async function connectV1(url: URL, caller?: string): Promise<TestClient> {
  const client = new ClientV1(info)
  await client.connect(new HttpV1(url, httpOptions(caller)) as never)
  return wrap(client)
}

export async function connectV2(
  url: URL,
  caller: string | undefined,
  mode: 'legacy' | 'modern',
): Promise<TestClient> {
  const pin = mode === 'modern' ? ({ pin: '2026-07-28' } as const) : 'legacy'
  const client = new ClientV2(info, { versionNegotiation: { mode: pin } })
  await client.connect(new HttpV2(url, httpOptions(caller)))
  return wrap(client)
}

export async function connectMemoryV1(
  server: { connect(transport: never): Promise<void> },
  caller?: string,
): Promise<TestClient> {
  const [near, far] = MemoryV1.createLinkedPair()
  const client = new ClientV1(info)
  await server.connect(far as never)
  await client.connect(sendAs(near, caller))
  return wrap(client)
}

export async function connectMemoryV2(
  server: { connect(transport: never): Promise<void> },
  caller?: string,
): Promise<TestClient> {
  const [near, far] = MemoryV2.createLinkedPair()
  const client = new ClientV2(info)
  await server.connect(far as never)
  await client.connect(sendAs(near, caller))
  return wrap(client)
}

/** Makes every message carry the caller's record, as the HTTP transports do on the other side. */
export function sendAs<T extends object>(transport: T, caller: string | undefined): T {
  const sender = transport as unknown as Sender
  const send = sender.send.bind(sender)
  const authInfo = authInfoOf(caller)
  sender.send = (message, options) => send(message, { ...options, authInfo })
  return transport
}

function wrap(client: AnyClient): TestClient {
  const v1 = client as ClientV1
  return {
    call: (name, args) =>
      settle(async () => {
        const result = await v1.callTool({ name, ...(args && { arguments: args }) })
        return fromToolResult(result as ToolResult)
      }),
    read: (uri) =>
      settle(async () => {
        const { contents } = await v1.readResource({ uri })
        return { kind: 'text', text: String((contents[0] as { text?: string }).text) }
      }),
    prompt: (name, args) =>
      settle(async () => {
        const { messages } = await v1.getPrompt({ name, arguments: args })
        return {
          kind: 'text',
          text: String(messages.map(({ content }) => (content as { text: string }).text)),
        }
      }),
    listTools: async () => (await v1.listTools()).tools.map((tool) => tool.name).sort(),
    listAll: async () => ({
      prompts: (await v1.listPrompts()).prompts.map((prompt) => prompt.name),
      resources: (await v1.listResources()).resources.map((item) => item.name),
      templates: (await v1.listResourceTemplates()).resourceTemplates.map((item) => item.name),
    }),
    close: () => client.close(),
  }
}

interface ToolResult {
  readonly isError?: boolean
  readonly content: readonly { readonly text: string }[]
  readonly _meta?: Record<string, unknown>
}

function fromToolResult({ isError, content, _meta: meta }: ToolResult): Outcome {
  const text = content.map((part) => part.text).join()
  const denial = meta?.[denialKey] as Denial | undefined
  if (denial !== undefined) return { kind: 'denied', text, denial }
  return { kind: isError === true ? 'failed' : 'text', text }
}

interface ClientError {
  readonly name?: string
  readonly code?: unknown
  readonly message: string
  readonly data?: unknown
}

async function settle(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (thrown) {
    const { name, code, message, data } = thrown as ClientError
    if (code === 403 || name === 'InsufficientScopeError') return { kind: 'challenged' }
    if (typeof code !== 'number') throw thrown
    // The v1 client puts the code in front of the message.
    return { kind: 'error', code, message: message.replace(`MCP error ${code}: `, ''), data }
  }
}
