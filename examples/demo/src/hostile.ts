import type { Call } from './call.ts'
import { describeHeaders, describeHop } from './describe.ts'
import { connect } from './honest.ts'
import { otherGateway, scope } from './issuers.ts'
import { toOutcome } from './outcome.ts'
import { post } from './post.ts'
import { serverUrl, type Way, type World } from './world.ts'

interface Attack {
  readonly caller: string
  readonly what: string
  readonly expected: string
  readonly headers: (world: World) => Promise<Record<string, string | string[]>>
  readonly query?: (world: World) => Promise<string>
  /** Where it goes, if not to the server. */
  readonly target?: (world: World) => string
}

/** What someone may try who reaches the server without the gateway. */
const attacks: Record<Way, readonly Attack[]> = {
  exchange: [
    {
      caller: 'stranger',
      what: 'no token at all',
      expected: '401 MISSING no_credential',
      headers: async () => ({}),
    },
    {
      caller: 'ada',
      what: 'a token for the gateway, not for this server',
      expected: '401 TOK audience',
      headers: async (world) => ({ authorization: await userToken(world, 'ada') }),
    },
    {
      caller: 'stranger',
      what: 'an expired token',
      expected: '401 TOK expired',
      headers: async (world) => ({ authorization: `Bearer ${await expired(world)}` }),
    },
    {
      caller: 'stranger',
      what: 'the token in the URL',
      expected: '400 REQ token_in_query',
      headers: async () => ({}),
      query: async (world) => `?access_token=${(await userToken(world, 'ada')).slice(7)}`,
    },
    {
      caller: 'ada',
      what: 'two Authorization lines',
      expected: '400 REQ duplicate_header',
      headers: async (world) => ({
        authorization: [await userToken(world, 'ada'), await userToken(world, 'gil')],
      }),
    },
  ],
  passthrough: [],
  forwarded: forwardedAttacks('forwarded'),
  'forwarded-v1': forwardedAttacks('forwardedV1'),
  downstream: [
    {
      caller: 'ada',
      what: 'a token for the gateway, not for this server',
      expected: '401 TOK audience',
      headers: async (world) => ({ authorization: await userToken(world, 'ada') }),
    },
    {
      caller: 'ada',
      what: 'her token for the gateway, at the API itself',
      expected: '401 TOK audience',
      headers: async (world) => ({ authorization: await userToken(world, 'ada') }),
      target: ({ booksUrl }) => `${booksUrl}/invoices`,
    },
    {
      caller: 'stranger',
      what: 'no token at all, at the API itself',
      expected: '401 MISSING no_credential',
      headers: async () => ({}),
      target: ({ booksUrl }) => `${booksUrl}/invoices`,
    },
  ],
  enriched: [
    {
      caller: 'other gateway',
      what: 'its machine token, which may not vouch',
      expected: '401 TOK client',
      headers: async (world) => ({ authorization: await otherMachineToken(world, 'enriched') }),
    },
    {
      caller: 'ada',
      what: 'her own token, without a gateway',
      expected: '401 TOK issuer_unknown',
      headers: async (world) => ({ authorization: await userToken(world, 'ada') }),
    },
  ],
}

function forwardedAttacks(server: 'forwarded' | 'forwardedV1'): readonly Attack[] {
  const way: Way = server === 'forwarded' ? 'forwarded' : 'forwarded-v1'
  const both = async (world: World, user: string): Promise<Record<string, string>> => ({
    authorization: await machineToken(world, way),
    'x-user-token': user,
  })
  return [
    {
      caller: 'stranger',
      what: 'a header typed by hand, without a gateway',
      expected: '401 MISSING gateway_missing',
      headers: async (world) => ({ 'x-user-token': (await userToken(world, 'bob')).slice(7) }),
    },
    {
      caller: 'other gateway',
      what: "its machine token with bob's token",
      expected: '401 TOK client',
      headers: async (world) => ({
        authorization: await otherMachineToken(world, server),
        'x-user-token': (await userToken(world, 'bob')).slice(7),
      }),
    },
    {
      caller: 'stranger',
      what: 'the two tokens swapped',
      expected: '401 BIND binding_roles_swapped',
      headers: async (world) => ({
        authorization: await userToken(world, 'bob'),
        'x-user-token': (await machineToken(world, way)).slice(7),
      }),
    },
    {
      caller: 'stranger',
      what: 'an expired user token',
      expected: '401 TOK expired',
      headers: async (world) => both(world, await expired(world)),
    },
    {
      caller: 'stranger',
      what: 'an ID token as user token',
      expected: '401 TOK audience',
      headers: async (world) => both(world, await idToken(world)),
    },
  ]
}

/** The calls of those who should not get through. */
export function hostileCalls(way: Way): readonly Call[] {
  const direct = attacks[way].map(
    ({ caller, what, expected, headers, query, target: at = serverOf(way) }): Call => ({
      way,
      caller,
      what,
      expected,
      run: async (world) => {
        const sent = await headers(world)
        const target = at(world) + ((await query?.(world)) ?? '')
        return { ...(await post(target, sent, world.server(way))), reached: describe(sent) }
      },
    }),
  )
  if (way === 'downstream') return [...direct, ...throughTheServer()]
  return way.startsWith('forwarded') ? [...direct, overwritten(way)] : direct
}

function serverOf(way: Way): (world: World) => string {
  return (world) => serverUrl(world, way)
}

/** What a user, or the model that they use, tries to get of the API through a tool. */
function throughTheServer(): readonly Call[] {
  const tries = [
    { what: 'find_invoice(G-02), of another organization', number: 'G-02' },
    { what: 'a path and a query in place of a number', number: '../x?number=G-02&org=globex#' },
    { what: 'an SQL condition in place of a number', number: "' OR organization = 'globex" },
  ]
  return tries.map(({ what, number }) => ({
    way: 'downstream',
    caller: 'ada',
    what,
    expected: 'allowed: finds nothing',
    run: async (world) => {
      const client = await connect(world, 'downstream', 'ada')
      const result = await client.callTool({ name: 'find_invoice', arguments: { number } })
      await client.close()
      const { verdict, answer } = toOutcome(result)
      const found = answer === '[]' ? 'finds nothing' : answer
      return { verdict: `${verdict}: ${found}`, answer, reached: describeHop(world.lastHop()) }
    },
  }))
}

/** The gateway writes its header over whatever the caller put there. */
function overwritten(way: Way): Call {
  return {
    way,
    caller: 'ada',
    what: "bob's token typed into x-user-token",
    expected: 'allowed',
    tells: '"user":"ada"',
    run: async (world) => {
      const typed = (await userToken(world, 'bob')).slice(7)
      const client = await connect(world, way, 'ada', { 'x-user-token': typed })
      const result = await client.callTool({ name: 'whoami', arguments: {} })
      await client.close()
      return { ...toOutcome(result), reached: describeHop(world.lastHop()) }
    },
  }
}

async function userToken(world: World, user: string): Promise<string> {
  const { accessToken } = await world.people.signIn({ user, resource: world.resources.gateway })
  return `Bearer ${accessToken}`
}

async function machineToken(world: World, way: Way): Promise<string> {
  return `Bearer ${await world.gateway.machineToken(way)}`
}

async function otherMachineToken(
  world: World,
  server: 'forwarded' | 'forwardedV1' | 'enriched',
): Promise<string> {
  const resource = world.resources[server]
  const { accessToken } = await world.machines.clientCredentials({
    client: otherGateway.id,
    resource,
    scope,
  })
  return `Bearer ${accessToken}`
}

/** Good in everything but its time: signed with the issuer's own key. */
function expired(world: World): Promise<string> {
  const { gateway, direct } = world.resources
  const claims = { sub: 'bob', client_id: 'chat-app', aud: [gateway, direct], org_id: 'acme' }
  return world.people.minter.mint(claims, { expiresInSeconds: -60 })
}

async function idToken(world: World): Promise<string> {
  const { gateway: resource } = world.resources
  const signedIn = await world.people.signIn({ user: 'bob', resource, scope: `openid ${scope}` })
  return signedIn.idToken ?? ''
}

function describe(headers: Record<string, string | string[]>): string {
  const single = Object.entries(headers).map(([name, value]) => [name, [value].flat()[0] ?? ''])
  return describeHeaders(Object.fromEntries(single) as Record<string, string>)
}
