import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { Server as LowV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import {
  completable as completableV2,
  Server as LowV2,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import { all, organization, scope, user } from '@onbehalf/core/guards'
import { protect, type ServerOptions } from '@onbehalf/mcp'
import * as z from 'zod'
import { type AnyServer, makeServer, reply } from '../support/make-server.ts'
import type { Generation } from '../support/raw.ts'
import { start } from '../support/tokens.ts'

const guard = all(user(), organization({ ids: ['acme'] }), scope('pay'))
/** The rules of both servers. */
export const guarding: ServerOptions = {
  clock: () => start,
  rules: [
    { kind: 'tool', guard },
    { kind: 'resource', guard },
    { kind: 'prompt', guard },
    { kind: 'method', name: 'com.example/guarded', guard },
    { kind: 'method', name: 'subscriptions/listen', guard },
  ],
}
const capabilities = {
  tools: {},
  resources: { subscribe: true },
  prompts: {},
  completions: {},
  logging: {},
}

const contents = { contents: [{ uri: 'note://today', text: 'secret' }] }
const messages = { messages: [] }
const amount = z.object({ amount: z.number().optional() })

/** An `McpServer` with one item of each kind, guarded by rules. */
export function makeGuarded(generation: Generation): AnyServer {
  return protect(makeEverything(generation), guarding)
}

/** The same without a guard. */
export function makeEverything(generation: Generation): AnyServer {
  const server = makeServer(generation, { capabilities })
  const Template = generation === 'v1' ? TemplateV1 : (TemplateV2 as unknown as typeof TemplateV1)
  const completable = generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
  const shape = { topic: completable(z.string(), () => ['secret']) }
  const argsSchema = generation === 'v1' ? shape : z.object(shape)
  const template = new Template('file:///{name}', {
    list: undefined,
    complete: { name: () => ['secret'] },
  })
  server.registerTool('pay', { inputSchema: amount }, async () => reply('secret'))
  server.registerResource('note', 'note://today', {}, async () => contents)
  server.registerResource('files', template, {}, async () => contents)
  server.registerPrompt('ask', { argsSchema } as never, (async () => messages) as never)
  return server
}

const lists = {
  'tools/list': { tools: [{ name: 'pay', inputSchema: { type: 'object' } }] },
  'resources/list': { resources: [{ name: 'note', uri: 'note://today' }] },
  'resources/templates/list': {
    resourceTemplates: [{ name: 'files', uriTemplate: 'file:///{name}' }],
  },
  'prompts/list': { prompts: [{ name: 'ask' }] },
}
const answers = {
  ...lists,
  'tools/call': reply('secret'),
  'resources/read': contents,
  'resources/subscribe': {},
  'resources/unsubscribe': {},
  'prompts/get': messages,
  'completion/complete': { completion: { values: ['secret'] } },
}
const schemas = [
  [ListToolsRequestSchema, 'tools/list'],
  [ListResourcesRequestSchema, 'resources/list'],
  [ListResourceTemplatesRequestSchema, 'resources/templates/list'],
  [ListPromptsRequestSchema, 'prompts/list'],
  [CallToolRequestSchema, 'tools/call'],
  [ReadResourceRequestSchema, 'resources/read'],
  [SubscribeRequestSchema, 'resources/subscribe'],
  [UnsubscribeRequestSchema, 'resources/unsubscribe'],
  [GetPromptRequestSchema, 'prompts/get'],
  [CompleteRequestSchema, 'completion/complete'],
] as const

/** A low-level `Server` that answers the same, guarded by the same rules. */
export function makeLowLevel(generation: Generation): AnyServer {
  const info = { name: 'test', version: '1.0.0' }
  const server = protect(
    generation === 'v1' ? new LowV1(info, { capabilities }) : new LowV2(info, { capabilities }),
    guarding,
  )
  for (const [schema, method] of schemas) {
    const answer = async () => answers[method]
    if (server instanceof LowV1) server.setRequestHandler(schema as never, answer as never)
    else server.setRequestHandler(method, answer as never)
  }
  return server as unknown as AnyServer
}
