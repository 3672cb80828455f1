import { setTimeout as delay } from 'node:timers/promises'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { McpServer as McpServerV2 } from '@modelcontextprotocol/server'
import type { Identity } from '@onbehalf/core'
import {
  allowPublic,
  currentIdentity,
  identityOf,
  protect,
  requireOrg,
  requireUser,
} from '@onbehalf/mcp'
import { z } from 'zod'

/** What tools saw, and what they wait for. */
export interface ToolWorld {
  /** Seconds since 1970. */
  readonly clock: () => number
  /** Until then the tool `slow` keeps its caller waiting. */
  readonly released: Promise<void>
  /** A line for each tool that ran: its name and its caller. */
  readonly ran: string[]
  /** The contexts that handlers were given. */
  readonly contexts: unknown[]
}

type Server = McpServerV1 | McpServerV2

const info = { name: 'test', version: '1.0.0' }

export function createV1(world: ToolWorld): McpServerV1 {
  const server = new McpServerV1(info)
  addTools(server, world)
  return server
}

export function createV2(world: ToolWorld): McpServerV2 {
  const server = new McpServerV2(info)
  addTools(server, world)
  return server
}

// The header that repeats this argument in the 2026-07-28 revision.
const orgId = z.string().meta({ 'x-mcp-header': 'OrgId' })

function addTools(unprotected: Server, world: ToolWorld): void {
  // Of both generations this registers alike; the types of one of them do for the test.
  const server = protect(unprotected, { clock: world.clock, trackIdentity: true }) as McpServerV1

  function run(tool: string, ctx: { readonly identity?: Identity | undefined }, text: string) {
    world.ran.push(`${tool} ${ctx.identity?.subject ?? 'nobody'}`)
    world.contexts.push(ctx)
    return { content: [{ type: 'text' as const, text }] }
  }

  server.registerTool(
    'open',
    { inputSchema: z.object({}) },
    allowPublic(async (_args, ctx) => run('open', ctx, 'open')),
  )
  server.registerTool(
    'acme_only',
    { inputSchema: z.object({}) },
    requireOrg('acme', async (_args, ctx) => run('acme_only', ctx, 'acme')),
  )
  server.registerTool(
    'ledger',
    { inputSchema: z.object({ orgId }) },
    requireOrg({ match: (args) => args.orgId }, async (args, ctx) =>
      run('ledger', ctx, args.orgId),
    ),
  )
  server.registerTool(
    'slow',
    { inputSchema: z.object({}) },
    requireUser(async (_args, ctx) => {
      world.ran.push('slow started')
      await world.released
      return run('slow', ctx, JSON.stringify(describe(ctx)))
    }),
  )
  server.registerTool(
    'whose',
    { inputSchema: z.object({}) },
    requireUser(async (_args, ctx) => {
      const before = describe(ctx)
      for (let step = 0; step < 3; step++) await delay(Math.random() * 5)
      return run('whose', ctx, JSON.stringify([before, describe(ctx)]))
    }),
  )
}

/** The caller, by each way to know them. */
function describe(ctx: { readonly identity: Identity }): object {
  const { subject, expiresAt } = ctx.identity
  const below = currentIdentity()?.subject
  return { subject, below, context: identityOf(ctx)?.subject, expiresAt }
}
