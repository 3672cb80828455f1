import {
  createLocalIssuer,
  createTokenMinter,
  type LocalIssuer,
  type PreTokenTrigger,
} from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { vi } from 'vitest'
import {
  CLIENT_ID,
  CLIENT_SECRET,
  issuerOf,
  MACHINE_POOL,
  PEOPLE_POOL,
  WEB_CLIENT,
} from './names.ts'

/** Two user pools of Amazon Cognito under their real names, with a local issuer behind each. */
export interface Cognito {
  /** Signs somebody in: an access token of the people's user pool. */
  signIn(user: string): Promise<string>
  /** A person's token with these claims instead of those that it would have. */
  mint(claims: Readonly<Record<string, unknown>>): Promise<string>
  machineToken(): Promise<string>
  /** From here on, nobody gets at the keys of the people's pool. */
  cutKeys(): void
  close(): Promise<void>
}

export interface MachinePool {
  /** Where the gateway and its interceptor ask for tokens. */
  readonly tokenEndpoint: string
  readonly scopes: readonly string[]
  readonly trigger: PreTokenTrigger | undefined
}

const resources = (scopes: readonly string[]) => [{ uri: 'https://pool.example.com', scopes }]

// What the issuers behind them sign is signed again, under the name of the user pool.
const signers = {
  people: await createTokenMinter({ issuer: issuerOf(PEOPLE_POOL) }),
  machines: await createTokenMinter({ issuer: issuerOf(MACHINE_POOL) }),
}

/** From here on, what is fetched from Cognito comes from these pools, and nothing else leaves this machine. */
export async function startCognito(machinePool: MachinePool): Promise<Cognito> {
  const people = await createLocalIssuer({
    profile: 'cognito',
    alg: 'ES256',
    users: [
      // As a trigger on sign-in adds it.
      { id: 'ada', roles: ['member'], claims: { org_id: 'acme' } },
      { id: 'bob', claims: { org_id: 'globex' } },
    ],
    clients: [{ id: WEB_CLIENT }],
    resources: resources([]),
  })
  const machines = await createLocalIssuer({
    profile: 'cognito',
    alg: 'ES256',
    users: [],
    clients: [{ id: CLIENT_ID, secret: CLIENT_SECRET }],
    resources: resources(machinePool.scopes),
    ...(machinePool.trigger && { preTokenTrigger: machinePool.trigger }),
  })
  const pools = Object.values(signers)
  const renamed = (pool: keyof typeof signers, token: string): Promise<string> =>
    signers[pool].mint(
      { ...decodeJwt(token), iss: signers[pool].issuer },
      { header: { typ: undefined } },
    )

  let keysOutOfReach = false

  async function answer(url: string, init: RequestInit | undefined): Promise<Response> {
    if (url === machinePool.tokenEndpoint) return token(machines, init)
    const pool = pools.find(({ issuer }) => url.startsWith(`${issuer}/.well-known/`))
    if (pool === signers.people && keysOutOfReach) throw new TypeError('fetch failed')
    if (pool !== undefined) return Response.json(pool.jwks)
    if (url.startsWith('http://127.0.0.1:')) return realFetch(url, init)
    throw new Error(`nothing but Cognito can be fetched: ${url}`)
  }

  async function token(issuer: LocalIssuer, init: RequestInit | undefined): Promise<Response> {
    const response = await realFetch(issuer.tokenEndpoint, init)
    const body = (await response.json()) as { access_token?: string }
    const { access_token: issued } = body
    const own = issued === undefined ? {} : { access_token: await renamed('machines', issued) }
    return Response.json({ ...body, ...own }, { status: response.status })
  }

  const realFetch = globalThis.fetch
  vi.stubGlobal('fetch', (input: string | URL | Request, init?: RequestInit) =>
    input instanceof Request ? realFetch(input, init) : answer(String(input), init),
  )
  return {
    signIn: async (user) =>
      renamed('people', (await people.signIn({ user, client: WEB_CLIENT })).accessToken),
    mint: (claims) => signers.people.mint(claims, { header: { typ: undefined } }),
    machineToken: async () =>
      renamed('machines', (await machines.clientCredentials({ client: CLIENT_ID })).accessToken),
    cutKeys: () => {
      keysOutOfReach = true
    },
    close: async () => {
      vi.stubGlobal('fetch', realFetch)
      await Promise.all([people.close(), machines.close()])
    },
  }
}
