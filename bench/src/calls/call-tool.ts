import { type Agent, request } from 'node:http'
import { type Generation, toolName } from './subjects.ts'

/** Where and as whom calls are sent. */
export interface Target {
  readonly generation: Generation
  readonly port: number
  readonly agent: Agent
  readonly token: string
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
  const { status, body } = await post(target, JSON.stringify(message))
  if (status !== 200 || !body.includes(call))
    throw new Error(`A call was answered ${status}: ${body}`)
}

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

function post({ generation, port, agent, token }: Target, message: string): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...versions[generation],
    'content-length': Buffer.byteLength(message),
  }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/mcp', method: 'POST', agent, headers }
    const sent = request(options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (data: string) => {
        body += data
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    sent.on('error', reject)
    sent.end(message)
  })
}
