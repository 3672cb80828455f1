import {
  McpServer as McpServerV1,
  ResourceTemplate as TemplateV1,
} from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  McpServer as McpServerV2,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import { type ProtectOptions, protect } from '@onbehalf/mcp'
import { askTopic, noteUri, readNote, readOrgFile, tools, topic } from './guarded-server.ts'

const info = { name: 'test', version: '1.0.0' }
const orgFiles = 'file:///{org}/{name}'

export type ServerV1 = McpServerV1
export type ServerV2 = McpServerV2

export function buildV1(options: ProtectOptions = {}): McpServerV1 {
  const server = protect(new McpServerV1(info), { trackIdentity: true, ...options })
  registerV1(server)
  return server
}

export function registerV1(server: McpServerV1): void {
  for (const [name, { inputSchema, handler }] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema }, handler as never)
  }
  server.registerResource('note', noteUri, {}, readNote)
  server.registerResource('files', new TemplateV1(orgFiles, { list: undefined }), {}, readOrgFile)
  server.registerPrompt('ask', { argsSchema: topic.shape }, askTopic)
}

export function buildV2(options: ProtectOptions = {}): McpServerV2 {
  const server = protect(new McpServerV2(info), { trackIdentity: true, ...options })
  registerV2(server)
  return server
}

export function registerV2(server: McpServerV2): void {
  for (const [name, { inputSchema, handler }] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema }, handler as never)
  }
  server.registerResource('note', noteUri, {}, readNote)
  server.registerResource('files', new TemplateV2(orgFiles, { list: undefined }), {}, readOrgFile)
  server.registerPrompt('ask', { argsSchema: topic }, askTopic)
}
