import { post, type Target as Site } from '../../../test/e2e/support/call-tool.ts'
import { type Generation, toolName } from './subjects.ts'

/** Where and as whom calls are sent. */
export interface Target extends Site {
  readonly generation: Generation
}

const reserved = 'io.modelcontextprotocol/'
const meta = {
  [`${reserved}protocolVersion`]: '2026-07-28',
  [`${reserved}clientInfo`]: { name: 'bench', version: '1.0.0' },
  [`${reserved}clientCapabilities`]: {},
}
const versions = {
  v1: { 'mcp-protocol-version': '2025-11-25' },
  v2: {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': toolName,
  },
}

/** Calls the tool once, with less work than a client of the SDK makes of it. */
export async function callTool(target: Target, call: string): Promise<void> {
  const _meta = target.generation === 'v2' ? { _meta: meta } : {}
  const params = { name: toolName, arguments: { call }, ..._meta }
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params }
  const { status, body } = await post(target, JSON.stringify(message), versions[target.generation])
  if (status !== 200 || !body.includes(call))
    throw new Error(`A call was answered ${status}: ${body}`)
}
