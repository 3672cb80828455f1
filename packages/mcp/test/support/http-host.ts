import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import { authInfoOf } from './callers.ts'

type NodeRequest = IncomingMessage & { auth?: AuthInfo }
export type Handle = (req: NodeRequest, res: ServerResponse, body: unknown) => Promise<void>

export interface Host {
  readonly url: URL
  readonly close: () => Promise<void>
}

/** A plain HTTP server: parses JSON, and leaves `req.auth` as middleware would. */
export async function host(handle: Handle): Promise<Host> {
  const server = createServer((req, res) => {
    serve(req, res, handle).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}

async function serve(req: NodeRequest, res: ServerResponse, handle: Handle): Promise<void> {
  const caller = req.headers['x-caller']
  const auth = authInfoOf(typeof caller === 'string' ? caller : undefined)
  if (auth !== undefined) req.auth = auth
  await handle(req, res, req.method === 'POST' ? await readJson(req) : undefined)
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
}

export interface Posted {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The JSON-RPC messages of the answer, streamed or not. */
  readonly messages: readonly Rpc[]
}

export interface Rpc {
  readonly id?: unknown
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** Sends messages as they are, where a client would refuse to. */
export async function post(
  url: URL,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Posted> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, messages: parse(text) }
}

function parse(text: string): Rpc[] {
  const data = text.startsWith('event:') || text.startsWith(':') ? events(text) : [text]
  return data.filter((part) => part !== '').flatMap((part) => JSON.parse(part) as Rpc | Rpc[])
}

function events(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length))
}

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** A request of the 2026-07-28 revision, with the headers that have to repeat it. */
export function modern(
  method: string,
  params: Record<string, unknown> = {},
  id: number | string = 1,
): { body: Record<string, unknown>; headers: Record<string, string> } {
  const meta = {
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(params['_meta'] as object | undefined),
    [versionKey]: '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  }
  const name = params['name'] ?? params['uri']
  return {
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } },
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  }
}
