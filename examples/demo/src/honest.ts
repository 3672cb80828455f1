import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Call } from './call.ts'
import { describeHop } from './describe.ts'
import { toOutcome } from './outcome.ts'
import type { Way, World } from './world.ts'

interface Use {
  readonly user: string
  readonly tool: string
  readonly args: Record<string, string>
  readonly expected: string
  /** What the answer has to tell. */
  readonly tells?: string
}

/** What users do with any server, whichever way their identity takes. */
const uses: readonly Use[] = [
  { user: 'ada', tool: 'whoami', args: {}, expected: 'allowed', tells: '"user":"ada"' },
  { user: 'ada', tool: 'list_invoices', args: {}, expected: 'allowed', tells: 'A-17' },
  { user: 'ada', tool: 'read_ledger', args: { orgId: 'acme' }, expected: 'allowed' },
  { user: 'ada', tool: 'read_ledger', args: { orgId: 'globex' }, expected: 'org_mismatch' },
  { user: 'ada', tool: 'close_books', args: { month: '2026-10' }, expected: 'org_role_missing' },
  { user: 'bob', tool: 'close_books', args: { month: '2026-10' }, expected: 'allowed' },
  { user: 'gil', tool: 'list_invoices', args: {}, expected: 'allowed', tells: 'G-02' },
  { user: 'gil', tool: 'read_ledger', args: { orgId: 'acme' }, expected: 'org_mismatch' },
]

/** What only the server does that calls an API, which tells whom it serves through whom. */
const downstreamUses: readonly Use[] = [
  {
    user: 'ada',
    tool: 'whoami',
    args: {},
    expected: 'allowed',
    tells: '"actors":["books-server","agent-gateway"]',
  },
  {
    user: 'ada',
    tool: 'find_invoice',
    args: { number: 'A-17' },
    expected: 'allowed',
    tells: '1200',
  },
]

/** The calls of users through the gateway. */
export function honestCalls(way: Way): readonly Call[] {
  return [...uses, ...(way === 'downstream' ? downstreamUses : [])].map(
    ({ user, tool, args, expected, tells }) => ({
      way,
      caller: user,
      what: `${tool}(${Object.values(args).join(', ')})`,
      expected,
      ...(tells !== undefined && { tells }),
      run: async (world) => {
        const client = await connect(world, way, user)
        const result = await client.callTool({ name: tool, arguments: args })
        await client.close()
        return { ...toOutcome(result), reached: describeHop(world.lastHop()) }
      },
    }),
  )
}

/** An MCP client as a user's application uses it. */
export async function connect(
  world: World,
  way: Way,
  user: string,
  headers: Record<string, string> = {},
): Promise<Client> {
  const { resources } = world
  const resource = way === 'passthrough' ? resources.direct : resources.gateway
  const { accessToken } = await world.people.signIn({ user: user, resource })
  const client = new Client({ name: 'chat-app', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(world.gateway.mcpUrl(way)), {
    requestInit: { headers: { authorization: `Bearer ${accessToken}`, ...headers } },
  })
  await client.connect(transport)
  return client
}
