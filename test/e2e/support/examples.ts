import { serverUrl, type Way, type World } from '../../../examples/demo/src/world.ts'

/** An example server, the way by which callers reach it, and what it tells of them. */
export interface Example {
  readonly name: string
  readonly way: Way
  /** What `whoami` answers to Ada. */
  readonly ada: Readonly<Record<string, unknown>>
  readonly generation: 'v1' | 'v2'
  /** Tools besides those of every example. */
  readonly more?: readonly string[]
}

const forwarded = {
  user: 'ada',
  organization: 'acme',
  actor: null,
  gateway: 'agent-gateway',
  source: 'forwarded',
}

export const examples: readonly Example[] = [
  {
    name: 'direct-token',
    way: 'passthrough',
    ada: { user: 'ada', organization: 'acme', actor: null, gateway: null, source: 'direct' },
    generation: 'v2',
  },
  { name: 'forwarded-token', way: 'forwarded', ada: forwarded, generation: 'v2' },
  {
    name: 'enriched-claims',
    way: 'enriched',
    ada: { ...forwarded, actor: 'agent-gateway', source: 'enriched' },
    generation: 'v2',
  },
  {
    name: 'downstream',
    way: 'downstream',
    // As the API behind the server tells it.
    ada: { user: 'ada', organization: 'acme', actors: ['books-server', 'agent-gateway'] },
    generation: 'v2',
    more: ['find_invoice'],
  },
  { name: 'forwarded-token-v1', way: 'forwarded-v1', ada: forwarded, generation: 'v1' },
]

/** Where callers reach an example: the server itself where it takes their own token. */
export function urlOf(world: World, { way }: Example): string {
  return way === 'passthrough' ? serverUrl(world, way) : world.gateway.mcpUrl(way)
}

/** The header of a user who signed in for whatever stands at {@link urlOf}. */
export async function bearerOf(world: World, { way }: Example, user: string): Promise<string> {
  const { gateway, direct } = world.resources
  const resource = way === 'passthrough' ? direct : gateway
  const { accessToken } = await world.people.signIn({ user, resource })
  return `Bearer ${accessToken}`
}
