import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Authenticator } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import { check } from '@onbehalf/core/guards'
import { guarded, protect, type ServerEvent } from '@onbehalf/mcp'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { type Lines, listen } from './http.ts'
import { now } from './names.ts'

export interface ToolServerSetup {
  readonly authenticator: Authenticator<unknown>
  /** The rule of the tool `act`. */
  readonly allow: () => boolean
  readonly onEvent?: (event: ServerEvent) => void
}

/** A protected MCP server over HTTP with one guarded tool, `act`. */
export interface ToolServer {
  readonly handled: number
  /** Calls a tool; the answer as text. */
  call(lines: Lines, tool?: string, args?: Readonly<Record<string, unknown>>): Promise<string>
}

export async function startToolServer(setup: ToolServerSetup): Promise<ToolServer> {
  const { authenticator, allow, onEvent } = setup
  let handled = 0

  // One server for each request, as the SDK asks for where there are no sessions.
  function createServer(): McpServer {
    const options = { clock: () => now, trackIdentity: true, ...(onEvent && { onEvent }) }
    const server = protect(new McpServer({ name: 'test', version: '1.0.0' }), options)
    const run = guarded(check('own', allow), () => {
      handled += 1
      return { content: [{ type: 'text' as const, text: 'done' }] }
    })
    server.registerTool('act', { inputSchema: { x: z.string().optional() } }, run as never)
    return server
  }

  const { port, close } = await listen((req, res) => {
    void serve().catch((error: unknown) => res.destroy(error as Error))
    async function serve(): Promise<void> {
      const auth = createAuthInfo(await authenticator.authenticate(req), authenticator)
      const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
      await createServer().connect(transport as never)
      await transport.handleRequest(Object.assign(req, { auth }) as never, res)
    }
  })
  onTestFinished(close)

  async function call(lines: Lines, tool = 'act', args = {}): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: {
        ...Object.fromEntries(lines),
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: tool, arguments: args },
      }),
    })
    return response.text()
  }

  return {
    get handled() {
      return handled
    },
    call,
  }
}

interface RpcAnswer {
  readonly result?: {
    readonly content?: readonly { readonly text?: string }[]
    readonly _meta?: Record<string, { readonly reason?: string }>
  }
  readonly error?: { readonly code: number; readonly message: string }
}

/** Why a call was denied, or what it gave. */
export function outcomeOf(answer: string): string | undefined {
  const { result, error } = JSON.parse(answer) as RpcAnswer
  if (error !== undefined) return error.message
  return result?._meta?.['dev.onbehalf/denial']?.reason ?? result?.content?.[0]?.text
}
