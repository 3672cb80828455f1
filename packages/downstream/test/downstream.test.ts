import { createAuthenticator, enriched, type Identity, issuer } from '@onbehalf/core'
import {
  createDownstream,
  type DownstreamEvent,
  type DownstreamOptions,
  tokenExchange,
} from '@onbehalf/downstream'
import type { LocalIssuer } from '@onbehalf/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  apiResource,
  createIssuer,
  createLedger,
  createMcpAuthenticator,
  type Ledger,
  secret,
} from './support/world.ts'

let local: LocalIssuer
let ledger: Ledger
beforeAll(async () => {
  local = await createIssuer()
  ledger = await createLedger(local)
})
afterAll(async () => {
  await ledger.close()
  await local.close()
})
beforeEach(() => {
  ledger.requests.length = 0
})

type Apis = DownstreamOptions<'ledger'>['apis']['ledger']

function createWorld(more: Partial<Apis> = {}) {
  const events: DownstreamEvent[] = []
  const authenticator = createMcpAuthenticator(local)
  const downstream = createDownstream({
    authenticator,
    onEvent: (event) => events.push(event),
    apis: {
      ledger: {
        baseUrl: `${ledger.url}/v1`,
        resource: apiResource,
        scopes: ['ledger.read'],
        grant: tokenExchange({
          issuer: local.issuer,
          client: { id: 'mcp-server', method: 'client_secret_basic', secret },
        }),
        ...more,
      },
    },
  })
  async function signIn(user: string): Promise<Identity> {
    const { accessToken } = await local.signIn({ user, client: 'web' })
    return authenticator.authenticate({ headers: { authorization: `Bearer ${accessToken}` } })
  }
  return { authenticator, downstream, events, signIn }
}

describe('an API that is called downstream', () => {
  it('sees the user, and this server as the actor', async () => {
    const { downstream, signIn } = createWorld()
    const answer = await downstream.ledger.fetch(await signIn('ada'), '/invoices?month=3')
    expect(await answer.json()).toMatchObject({
      subject: 'ada',
      organization: 'acme',
      actor: { subject: 'mcp-server' },
      scopes: ['ledger.read'],
      path: '/v1/invoices?month=3',
    })
  })

  it('gets one token per user for many calls', async () => {
    const { downstream, events, signIn } = createWorld()
    const [ada, bob] = [await signIn('ada'), await signIn('bob')]
    const calls = [ada, bob, ada, bob, ada].map((it) => downstream.ledger.fetch(it, '/me'))
    const answers = await Promise.all(calls.map(async (call) => (await call).json()))
    expect(answers.map(({ subject }) => subject)).toEqual(['ada', 'bob', 'ada', 'bob', 'ada'])
    expect(events.map(({ type }) => type)).toEqual(['token_obtained', 'token_obtained'])
  })

  it('can be called through a fetch of one caller', async () => {
    const { downstream, signIn } = createWorld()
    const send = downstream.ledger.fetchAs(await signIn('ada'))
    const url = `${ledger.url}/v1/me`
    const answers = await Promise.all([send(url), send(new URL(url)), send(new Request(url))])
    for (const answer of answers) expect(await answer.json()).toMatchObject({ subject: 'ada' })
  })
})

describe('an authenticator', () => {
  it('must bring what a grant needs', () => {
    const machines = issuer({
      iss: local.issuer,
      audience: 'x',
      kind: 'by-client',
      clients: 'gateway',
    })
    const authenticator = createAuthenticator({
      resource: 'https://mcp.example.com/mcp',
      sources: [enriched({ issuer: machines, userClaim: 'user' })],
    })
    const grant = tokenExchange({
      issuer: local.issuer,
      client: { id: 'mcp-server', method: 'client_secret_basic', secret },
    })
    const ledgerApi = { baseUrl: ledger.url, resource: apiResource, grant }
    expect(() => createDownstream({ authenticator, apis: { ledger: ledgerApi } })).toThrow(
      "apis.ledger: token_exchange needs the user's own token, which enriched never brings",
    )
  })

  it('must be one of ours', () => {
    const { authenticator } = createWorld()
    expect(() => createDownstream({ authenticator: { ...authenticator }, apis: {} })).toThrow(
      TypeError,
    )
  })
})
