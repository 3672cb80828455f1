import { setTimeout as delay } from 'node:timers/promises'
import { check, role, scope, user, type WithOrganization } from '@onbehalf/core/guards'
import {
  allowPublic,
  currentIdentity,
  guarded,
  identityOf,
  requireAll,
  requireAny,
  requireOrg,
  requireRole,
  requireScope,
  requireUser,
  type WithIdentity,
} from '@onbehalf/mcp'
import * as z from 'zod'

/** Every run of a handler: its name, and who it ran for. */
export const runs: {
  name: string
  subject: string | undefined
  organization: string | undefined
}[] = []

type Identity = ReturnType<typeof currentIdentity>

function run(name: string, identity: Identity, text = 'done') {
  runs.push({ name, subject: identity?.subject, organization: identity?.organization?.id })
  return { content: [{ type: 'text' as const, text }] }
}

const month = z.object({ month: z.string().regex(/^\d{4}-\d{2}$/) })
const orgId = z.object({ orgId: z.string() })
const nothing = z.object({})
type Month = z.infer<typeof month>
type OrgId = z.infer<typeof orgId>

const explode = check('explode', () => {
  throw new Error('database password is hunter2')
})
const slowly = check('slowly', async (identity) => {
  await delay(5)
  return identity.subject === 'ada'
})
const lateArguments = check<Month>(
  'late-arguments',
  async (_identity, args) => {
    await delay(1)
    return args.month === '2026-01'
  },
  { needsArguments: true },
)

async function deeply(levels: number): Promise<string> {
  if (levels === 0) return currentIdentity()?.subject ?? 'nobody'
  await (levels % 2 === 0 ? delay(1) : Promise.resolve())
  return deeply(levels - 1)
}

/** One declaration of tools for every server of every generation. */
export const tools = {
  any_org: {
    inputSchema: month,
    handler: requireOrg(async (args: Month, { identity }) =>
      run('any_org', identity, `${identity.organization.id} ${args.month}`),
    ),
  },
  acme_only: {
    inputSchema: month,
    handler: requireOrg('acme', async (_args: Month, { identity }) => run('acme_only', identity)),
  },
  acme_controller: {
    inputSchema: month,
    handler: requireOrg('acme', { roles: ['controller'] }, async (_args: Month, { identity }) =>
      run('acme_controller', identity),
    ),
  },
  ledger: {
    inputSchema: orgId,
    handler: requireOrg({ match: (args: OrgId) => args.orgId }, async (args: OrgId, { identity }) =>
      run('ledger', identity, `${args.orgId} ${currentIdentity()?.organization?.id}`),
    ),
  },
  person: {
    inputSchema: nothing,
    handler: requireUser(async (_args: object, { identity }) => run('person', identity)),
  },
  operator: {
    inputSchema: nothing,
    handler: requireRole('operator', async (_args: object, { identity }) =>
      run('operator', identity),
    ),
  },
  read_notes: {
    inputSchema: nothing,
    handler: requireScope(
      'notes:read',
      { implies: { 'notes:write': ['notes:read'] } },
      async (_args: object, { identity }) => run('read_notes', identity),
    ),
  },
  write_notes: {
    inputSchema: nothing,
    handler: requireScope(['notes:write', 'notes:read'], async (_args: object, { identity }) =>
      run('write_notes', identity),
    ),
  },
  person_and_scope: {
    inputSchema: nothing,
    handler: requireAll([user(), scope('notes:write')], async (_args: object, { identity }) =>
      run('person_and_scope', identity),
    ),
  },
  role_or_scope: {
    inputSchema: nothing,
    handler: requireAny(
      [role('auditor'), scope('notes:read')],
      async (_args: object, { identity }) => run('role_or_scope', identity),
    ),
  },
  nested: {
    inputSchema: nothing,
    handler: requireUser(
      requireRole('operator', async (_args: object, { identity }) => run('nested', identity)),
    ),
  },
  explode: {
    inputSchema: nothing,
    handler: guarded(explode, async (_args: object, { identity }) => run('explode', identity)),
  },
  slowly: {
    inputSchema: month,
    handler: guarded(slowly, async (_args: Month, { identity }) => run('slowly', identity)),
  },
  late_arguments: {
    inputSchema: month,
    handler: guarded(lateArguments, async (_args: Month, { identity }) =>
      run('late_arguments', identity),
    ),
  },
  health: {
    inputSchema: month,
    handler: allowPublic(async (_args: Month, { identity }) =>
      run('health', identity, `hello ${identity?.subject ?? 'stranger'}`),
    ),
  },
  plain: {
    inputSchema: month,
    handler: async (_args: Month, ctx: unknown) => run('plain', identityOf(ctx)),
  },
  deep: {
    inputSchema: nothing,
    handler: async (_args: object, ctx: unknown) => run('deep', identityOf(ctx), await deeply(20)),
  },
}

export const noteUri = 'note://notes/today'

export const readNote = requireOrg('acme', async (uri: URL, { identity }) => {
  run('note', identity)
  return { contents: [{ uri: uri.href, text: `note of ${identity.organization.id}` }] }
})

type Variables = Record<string, string | string[]>

export const readOrgFile = requireOrg(
  { match: (variables: Variables) => String(variables['org']) },
  async (uri: URL, variables: Variables, { identity }: WithIdentity<unknown, WithOrganization>) => {
    run('org_file', identity)
    return {
      contents: [
        { uri: uri.href, text: `${String(variables['name'])} of ${identity.organization.id}` },
      ],
    }
  },
)

export const topic = z.object({ topic: z.string() })

export const askTopic = requireRole(
  'operator',
  async (args: z.infer<typeof topic>, { identity }) => {
    run('ask', identity)
    const content = { type: 'text' as const, text: `${args.topic} for ${identity.subject}` }
    return { messages: [{ role: 'user' as const, content }] }
  },
)
