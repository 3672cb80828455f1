import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream'

/** What the gateway has to know of a JSON-RPC message. */
export interface RpcMessage {
  readonly id: string | number | null
  readonly method: string | undefined
  /** `params.name` of a `tools/call`. */
  readonly tool: string | undefined
}

/** Bytes. What both generations of the MCP SDK accept; longer bodies pass unread. */
const MAX_READ = 4 * 1024 * 1024

/**
 * Reads the messages of a body along with its other consumer. Resolves when the body has ended or
 * broken off; with nothing when it is not JSON.
 */
export function readMessages(req: IncomingMessage): Promise<readonly RpcMessage[]> {
  const chunks: Buffer[] = []
  let length = 0
  req.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length <= MAX_READ) chunks.push(chunk)
  })
  return new Promise((resolve) => {
    finished(req, () => resolve(length > MAX_READ ? [] : parseMessages(Buffer.concat(chunks))))
  })
}

/** The messages of a body; none when it is not JSON. */
export function parseMessages(body: Buffer): readonly RpcMessage[] {
  try {
    return [JSON.parse(body.toString()) as unknown].flat().map(toMessage)
  } catch {
    return []
  }
}

function toMessage(json: unknown): RpcMessage {
  const { id, method, params } = (json ?? {}) as Record<string, unknown>
  const { name } = (params ?? {}) as Record<string, unknown>
  return {
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    method: typeof method === 'string' ? method : undefined,
    tool: method === 'tools/call' && typeof name === 'string' ? name : undefined,
  }
}
