// Checked by the compiler: what a guard tells a handler, and that handlers infer as without it.
import {
  McpServer as McpServerV1,
  ResourceTemplate as TemplateV1,
  type ToolCallback,
} from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  McpServer as McpServerV2,
  type ServerContext,
  Server as ServerV2,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import type { Identity, Organization } from '@onbehalf/core'
import {
  check,
  organization,
  role,
  scope,
  user,
  type WithOrganization,
} from '@onbehalf/core/guards'
import {
  allowPublic,
  currentIdentity,
  guarded,
  identityOf,
  protect,
  requireAll,
  requireAny,
  requireOrg,
  requireRole,
  requireScope,
  requireUser,
  type WithIdentity,
} from '@onbehalf/mcp'
import { expectTypeOf } from 'vitest'
import * as z from 'zod'

const info = { name: 'types', version: '1.0.0' }
const v1 = protect(new McpServerV1(info))
const v2 = protect(new McpServerV2(info))
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
const shape = { month: z.string(), orgId: z.string() }
const schema = z.object(shape)

// A protected server keeps its type.
expectTypeOf(v1).toEqualTypeOf<McpServerV1>()
expectTypeOf(v2).toEqualTypeOf<McpServerV2>()
expectTypeOf(protect(new ServerV2(info))).toEqualTypeOf<ServerV2>()
// @ts-expect-error not a server
protect({})
// @ts-expect-error unknown option
protect(new McpServerV2(info), { audit: true })

// Tools: arguments, context and identity infer as with a bare registerTool.
v1.registerTool(
  'v1',
  { inputSchema: shape },
  requireOrg(async (args, ctx) => {
    expectTypeOf(args).toEqualTypeOf<{ month: string; orgId: string }>()
    expectTypeOf(ctx.identity.organization).toEqualTypeOf<Organization>()
    expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
    return { content: [{ type: 'text', text: args.month }] }
  }),
)
v1.registerTool(
  'v1-object-schema',
  { inputSchema: schema },
  requireOrg(async ({ month }, { identity, sessionId }) => {
    expectTypeOf(month).toEqualTypeOf<string>()
    expectTypeOf(sessionId).toEqualTypeOf<string | undefined>()
    return text(identity.organization.id)
  }),
)
v2.registerTool(
  'v2',
  { inputSchema: schema },
  requireOrg(async (args, ctx) => {
    expectTypeOf(args).toEqualTypeOf<{ month: string; orgId: string }>()
    expectTypeOf(ctx.identity.organization).toEqualTypeOf<Organization>()
    expectTypeOf(ctx.mcpReq.method).toEqualTypeOf<string>()
    return { content: [{ type: 'text', text: args.month }] }
  }),
)
v1.tool(
  'v1-older',
  shape,
  requireOrg(async ({ month }, { identity }) => text(month + identity.subject)),
)

// A missing member of arguments, context or identity is an error.
const in1 = { inputSchema: shape }
const in2 = { inputSchema: schema }
v1.registerTool(
  'x',
  in1,
  // @ts-expect-error no such argument
  requireOrg(async ({ year }) => text(String(year))),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error no such argument
  requireOrg(async ({ year }) => text(String(year))),
)
v1.registerTool(
  'x',
  in1,
  // @ts-expect-error no such member of the context
  requireOrg(async (_, { mcpReq }) => text(String(mcpReq))),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error no such member of the context
  requireOrg(async (_, { signal }) => text(String(signal))),
)
v1.registerTool(
  'x',
  in1,
  // @ts-expect-error not the result of a tool
  requireOrg(async ({ month }) => month),
)
// @ts-expect-error not the result of a tool
v2.registerTool(
  'x',
  in2,
  requireOrg(async ({ month }) => month),
)

// Rules: ids, lists and options, with match typed by the arguments.
v1.registerTool(
  'v1-match',
  { inputSchema: shape },
  requireOrg({ match: (args) => args.orgId, roles: 'admin' }, async ({ month }, { identity }) =>
    text(month + identity.organization.id),
  ),
)
v2.registerTool(
  'v2-match',
  { inputSchema: schema },
  requireOrg({ match: (args) => args.orgId }, async ({ month }, { identity }) =>
    text(month + identity.organization.id),
  ),
)
v2.registerTool(
  'v2-ids-and-options',
  { inputSchema: schema },
  requireOrg(
    ['acme'],
    { roles: ['controller'], match: (args) => args.orgId },
    async ({ month }, ctx) => text(month + ctx.identity.organization.id + ctx.mcpReq.method),
  ),
)
v1.registerTool(
  'v1-id',
  { inputSchema: shape },
  requireOrg('acme', async ({ month }, { identity }) => text(month + identity.organization.id)),
)
v1.registerTool(
  'x',
  in1,
  // @ts-expect-error no such argument to match
  requireOrg({ match: (a) => a.org }, async () => text('')),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error no such argument to match
  requireOrg({ match: (a) => a.org }, async () => text('')),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error match gives a string
  requireOrg({ match: () => 7 }, async () => text('')),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error unknown option
  requireOrg({ role: 'admin' }, async () => text('')),
)
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error ids come first
  requireOrg('acme', { ids: 'acme' }, async () => text('')),
)
declare const unset: string | undefined
v2.registerTool(
  'x',
  in2,
  // @ts-expect-error a rule that may be undefined
  requireOrg(unset, async () => text('')),
)

// A tool without input has an empty schema.
const none1 = { inputSchema: {} }
const none2 = { inputSchema: z.object({}) }
v1.registerTool(
  'none',
  none1,
  requireOrg(async (_, { identity }) => text(identity.subject)),
)
v2.registerTool(
  'none',
  none2,
  requireOrg(async (_, { identity }) => text(identity.subject)),
)

v2.registerTool(
  'no-schema',
  {},
  requireOrg(async (_, { identity }) => text(identity.subject)),
)

// Without a schema the context is the second parameter as well.
v2.registerTool(
  'context-only',
  {},
  // @ts-expect-error the first parameter is not the context
  requireOrg(async (ctx) => text(ctx.identity.subject)),
)

// On its own a handler names its arguments, and with a rule on them so does the rule.
type Month = { month: string }
const alone = requireOrg(async (args: Month, { identity }) => text(args.month + identity.subject))
const aloneWithIds = requireOrg('acme', async (args: Month) => text(args.month))
const aloneWithMatch = requireOrg(
  { match: (args: Month) => args.month },
  async (args: Month, { identity }) => text(args.month + identity.organization.id),
)
for (const handler of [alone, aloneWithIds, aloneWithMatch]) {
  v1.registerTool('alone', in1, handler)
  v2.registerTool('alone', in2, handler)
}
expectTypeOf(alone).parameters.toEqualTypeOf<[Month, unknown]>()
const aloneWithContext = requireOrg(
  async (args: Month, ctx: WithIdentity<ServerContext, WithOrganization>) =>
    text(args.month + ctx.identity.organization.id + ctx.mcpReq.method),
)
v2.registerTool('alone', in2, aloneWithContext)
const aloneForTemplate = requireOrg(
  async (uri: URL, variables: object, ctx: WithIdentity<unknown, WithOrganization>) => ({
    contents: [{ uri: uri.href, text: JSON.stringify(variables) + ctx.identity.organization.id }],
  }),
)
v1.registerResource('alone', new TemplateV1('a:///{b}', { list: undefined }), {}, aloneForTemplate)
v2.registerResource('alone', new TemplateV2('a:///{b}', { list: undefined }), {}, aloneForTemplate)

// Handlers that exist already wrap unchanged.
async function existing({ month }: { month: string }, ctx: ServerContext) {
  return text(month + ctx.mcpReq.method)
}
const existingV1: ToolCallback<typeof shape> = async ({ month }, extra) =>
  text(month + extra.requestId)
v2.registerTool('existing', { inputSchema: schema }, requireOrg(existing))
v1.registerTool('existing', { inputSchema: shape }, requireOrg(existingV1))
expectTypeOf(requireOrg(existing)).parameters.toEqualTypeOf<[{ month: string }, ServerContext]>()
expectTypeOf(requireOrg(existing)).returns.toEqualTypeOf<ReturnType<typeof existing>>()

// Resources, templates and prompts.
v1.registerResource(
  'r',
  'file:///a',
  {},
  requireOrg(async (uri, { identity, signal }) => {
    expectTypeOf(uri).toEqualTypeOf<URL>()
    return {
      contents: [{ uri: uri.href, text: identity.organization.id + String(signal.aborted) }],
    }
  }),
)
v2.registerResource(
  'r',
  'file:///a',
  {},
  requireOrg(async (uri, { identity, mcpReq }) => {
    expectTypeOf(uri).toEqualTypeOf<URL>()
    return { contents: [{ uri: uri.href, text: identity.organization.id + mcpReq.method }] }
  }),
)
v1.registerResource(
  't',
  new TemplateV1('file:///{org}', { list: undefined }),
  {},
  requireOrg(
    { match: (variables) => String(variables['org']) },
    async (uri, variables, { identity }) => ({
      contents: [{ uri: uri.href, text: String(variables['org']) + identity.organization.id }],
    }),
  ),
)
v2.registerResource(
  't',
  new TemplateV2('file:///{org}', { list: undefined }),
  {},
  requireOrg(
    { match: (variables) => String(variables['org']) },
    async (uri, variables, { identity, mcpReq }) => ({
      contents: [
        {
          uri: uri.href + mcpReq.method,
          text: String(variables['org']) + identity.organization.id,
        },
      ],
    }),
  ),
)
v1.registerPrompt(
  'p',
  { argsSchema: { topic: z.string() } },
  requireRole('operator', async ({ topic }, { identity }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: topic + identity.subject } }],
  })),
)
v2.registerPrompt(
  'p',
  { argsSchema: z.object({ topic: z.string() }) },
  requireRole('operator', async ({ topic }, { identity, mcpReq }) => ({
    messages: [
      { role: 'user', content: { type: 'text', text: topic + identity.subject + mcpReq.method } },
    ],
  })),
)

// What each guard tells about the identity.
v2.registerTool(
  'user',
  { inputSchema: schema },
  requireUser(async (_, { identity }) => {
    expectTypeOf(identity.kind).toEqualTypeOf<'user'>()
    // @ts-expect-error the organization may be missing
    return text(identity.organization.id)
  }),
)
v2.registerTool(
  'scope',
  { inputSchema: schema },
  requireScope('a', { implies: { b: ['a'] } }, async (_, { identity }) => {
    expectTypeOf(identity.kind).toEqualTypeOf<'user' | 'service'>()
    return text(identity.subject)
  }),
)
v2.registerTool(
  'all',
  { inputSchema: schema },
  requireAll([user(), organization(), scope('a')], async ({ month }, { identity }) => {
    expectTypeOf(identity.kind).toEqualTypeOf<'user'>()
    expectTypeOf(identity.organization).toEqualTypeOf<Organization>()
    return text(month)
  }),
)
v2.registerTool(
  'any',
  { inputSchema: schema },
  requireAny([organization(), role('a')], async ({ month }, { identity }) => {
    expectTypeOf(identity.organization).toEqualTypeOf<Organization | undefined>()
    return text(month)
  }),
)
v1.registerTool(
  'nested',
  { inputSchema: shape },
  requireUser(
    requireOrg(async ({ month }, { identity }) => {
      expectTypeOf(identity.organization).toEqualTypeOf<Organization>()
      return text(month)
    }),
  ),
)
v1.registerTool(
  'own',
  { inputSchema: shape },
  guarded(
    check('mine', () => true),
    async ({ month }, { identity }) => {
      expectTypeOf(identity).toEqualTypeOf<Identity>()
      return text(month)
    },
  ),
)
v2.registerTool(
  'public',
  { inputSchema: schema },
  allowPublic(async ({ month }, { identity }) => {
    expectTypeOf(identity).toEqualTypeOf<Identity | undefined>()
    return text(month)
  }),
)

expectTypeOf(identityOf({})).toEqualTypeOf<Identity | undefined>()
expectTypeOf(currentIdentity()).toEqualTypeOf<Identity | undefined>()
