import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import {
  McpServer as McpServerV1,
  ResourceTemplate as TemplateV1,
} from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import {
  completable as completableV2,
  McpServer as McpServerV2,
  type RequestStateCodec,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import * as z from 'zod'
import { toCall } from './call.ts'
import { askingTools } from './fixtures/asking-tools.ts'
import { inputPrompt, inputTools } from './fixtures/input-required.ts'
import { type PromptFixture, prompts } from './fixtures/prompts.ts'
import { resources, template } from './fixtures/resources.ts'
import { type ToolFixture, tools } from './fixtures/tools.ts'
import type { Guarding } from './guarding.ts'

const info = { name: 'everything', version: '1.0.0' }
const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

/** A server of SDK v1 with every fixture that it can have. */
export function makeEverythingV1(guarding: Guarding): McpServerV1 {
  const server = new McpServerV1(info, { capabilities })
  addItems(server, guarding, {
    template: new TemplateV1(template.uri, { list: undefined }),
    toArguments: (fixture) => shapeOf(fixture, completableV1),
  })
  server.server.setRequestHandler(SubscribeRequestSchema, async () => ({}))
  server.server.setRequestHandler(UnsubscribeRequestSchema, async () => ({}))
  return server
}

/** What the fixtures of SDK v2 can reach besides their call. */
export interface Surroundings {
  readonly state: RequestStateCodec
  /** Tells open `subscriptions/listen` streams. */
  readonly notify: { toolsChanged(): void; promptsChanged(): void }
}

/** A server of SDK v2 with every fixture. */
export function makeEverythingV2(
  guarding: Guarding,
  surroundings: Surroundings,
  guard: (server: McpServerV2) => McpServerV2,
): McpServerV2 {
  const { state } = surroundings
  // Before its prompts: SDK v2 does not show whether their handlers are guarded.
  const server = guard(
    new McpServerV2(info, {
      capabilities,
      requestState: { verify: (sealed, context) => state.verify(sealed, context) },
    }),
  )
  // What this module uses of a server is spelled alike in both generations.
  addItems(server as unknown as McpServerV1, guarding, {
    template: new TemplateV2(template.uri, { list: undefined }) as unknown as TemplateV1,
    toArguments: (fixture) => z.object(shapeOf(fixture, completableV2 as typeof completableV1)),
  })
  addInputItems(server, guarding, surroundings)
  server.server.setRequestHandler('resources/subscribe', async () => ({}))
  server.server.setRequestHandler('resources/unsubscribe', async () => ({}))
  return server
}

interface Spelling {
  readonly template: TemplateV1
  readonly toArguments: (completions: NonNullable<PromptFixture['completions']>) => object
}

function addItems(server: McpServerV1, guarding: Guarding, spelling: Spelling): void {
  for (const [name, fixture] of Object.entries({ ...tools, ...askingTools })) {
    addTool(server, guarding, name, fixture)
  }
  for (const [name, { uri, body, ...about }] of Object.entries(resources)) {
    const { mimeType } = about
    const read = async () => ({ contents: [{ uri, mimeType, ...body }] })
    server.registerResource(name, uri, about, guarding.resource(read))
  }
  const { description, mimeType } = template
  const read = async (uri: URL, { id }: Record<string, unknown>) => ({
    contents: [{ uri: uri.href, mimeType, ...template.body(String(id)) }],
  })
  const about = { description, mimeType }
  server.registerResource('template', spelling.template, about, guarding.resource(read))
  for (const [name, fixture] of Object.entries(prompts)) {
    addPrompt(server, guarding, spelling, name, fixture)
  }
}

function addTool(server: McpServerV1, guarding: Guarding, name: string, fixture: ToolFixture) {
  const { description, input: inputSchema = z.object({}), run } = fixture
  const handler = async (args: unknown, context: unknown) => ({
    content: [...(await run(args as Record<string, unknown>, toCall(context)))],
  })
  server.registerTool(name, { description, inputSchema }, guarding.tool(handler) as never)
}

function addPrompt(
  server: McpServerV1,
  guarding: Guarding,
  { toArguments }: Spelling,
  name: string,
  { description, completions, say }: PromptFixture,
): void {
  const answer = async (args: Readonly<Record<string, string>>) => ({
    messages: say(args).map((content) => ({ role: 'user' as const, content })),
  })
  // Without a schema the context is all that a handler gets.
  const handler = completions
    ? async (args: Record<string, string>, _context: unknown) => answer(args)
    : async (_context: unknown) => answer({})
  const argsSchema = completions && toArguments(completions)
  server.registerPrompt(
    name,
    { description, ...(argsSchema && { argsSchema }) } as never,
    guarding.prompt(handler) as never,
  )
}

function shapeOf(
  completions: NonNullable<PromptFixture['completions']>,
  completable: typeof completableV1,
): Record<string, z.ZodString> {
  return Object.fromEntries(
    Object.entries(completions).map(([name, values]) => [
      name,
      completable(z.string(), (typed) => values.filter((value) => value.startsWith(typed))),
    ]),
  )
}

function addInputItems(
  server: McpServerV2,
  guarding: Guarding,
  { state, notify }: Surroundings,
): void {
  const inputSchema = z.object({})
  for (const [name, { description, run }] of Object.entries(inputTools)) {
    const handler = guarding.tool(async (_args: object, context: never) => run(context, state))
    server.registerTool(name, { description, inputSchema }, handler as never)
  }
  const { name, description, run } = inputPrompt
  server.registerPrompt(name, { description }, guarding.prompt(run))
  const changes = {
    test_trigger_tool_change: () => notify.toolsChanged(),
    test_trigger_prompt_change: () => notify.promptsChanged(),
  }
  for (const [name, change] of Object.entries(changes)) {
    const handler = guarding.tool(async (_args: object, _context: unknown) => {
      change()
      return { content: [] }
    })
    server.registerTool(
      name,
      { description: 'Says that a list changed', inputSchema },
      handler as never,
    )
  }
}
