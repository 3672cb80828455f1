import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Call } from './call.ts'
import { describeHop } from './describe.ts'
import { toOutcome } from './outcome.ts'
import type { Way, World } from './world.ts'

interface Use {
  readonly person: string
  readonly tool: string
  readonly args: Record<string, string>
  readonly expected: string
  /** What the answer has to tell. */
  readonly tells?: string
}

/** What persons do with any server, whichever way their identity takes. */
const uses: readonly Use[] = [
  { person: 'ada', tool: 'whoami', args: {}, expected: 'allowed', tells: '"person":"ada"' },
  { person: 'ada', tool: 'list_invoices', args: {}, expected: 'allowed', tells: 'A-17' },
  { person: 'ada', tool: 'read_ledger', args: { orgId: 'acme' }, expected: 'allowed' },
  { person: 'ada', tool: 'read_ledger', args: { orgId: 'globex' }, expected: 'org_mismatch' },
  { person: 'ada', tool: 'close_books', args: { month: '2026-10' }, expected: 'org_role_missing' },
  { person: 'bob', tool: 'close_books', args: { month: '2026-10' }, expected: 'allowed' },
  { person: 'gil', tool: 'list_invoices', args: {}, expected: 'allowed', tells: 'G-02' },
  { person: 'gil', tool: 'read_ledger', args: { orgId: 'acme' }, expected: 'org_mismatch' },
]

/** The calls of persons through the gateway. */
export function honestCalls(way: Way): readonly Call[] {
  return uses.map(({ person, tool, args, expected, tells }) => ({
    way,
    caller: person,
    what: `${tool}(${Object.values(args).join(', ')})`,
    expected,
    ...(tells !== undefined && { tells }),
    run: async (world) => {
      const client = await connect(world, way, person)
      const result = await client.callTool({ name: tool, arguments: args })
      await client.close()
      return { ...toOutcome(result), reached: describeHop(world.lastHop()) }
    },
  }))
}

/** An MCP client as a person's application uses it. */
export async function connect(
  world: World,
  way: Way,
  person: string,
  headers: Record<string, string> = {},
): Promise<Client> {
  const { resources } = world
  const resource = way === 'passthrough' ? resources.direct : resources.gateway
  const { accessToken } = await world.people.signIn({ user: person, resource })
  const client = new Client({ name: 'chat-app', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(world.gateway.mcpUrl(way)), {
    requestInit: { headers: { authorization: `Bearer ${accessToken}`, ...headers } },
  })
  await client.connect(transport)
  return client
}
