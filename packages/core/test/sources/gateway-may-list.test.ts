import {
  type Claims,
  createAuthenticator,
  createIdentity,
  enriched,
  forwarded,
  type Identity,
} from '@onbehalf/core'
import { narrow } from '@onbehalf/core/guards'
import { gatewayMayList } from '@onbehalf/core/internal'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  gatewayClient,
  type Party,
  resource,
} from '../support/world.ts'

const header = 'x-user-token'
const mark = Symbol.for('onbehalf.gatewayMayList')
const marked = { [mark]: true }
let people: Party
let gateway: Party
beforeAll(async () => {
  people = await createPeople()
  gateway = await createGateway()
})

const clients = [gatewayClient, 'reports']
const machines = () => gateway.issuer({ clients })
const inClaim = () => ({
  issuer: machines(),
  userClaim: 'onBehalfOf',
  clients: [gatewayClient],
  gatewayMayList: true,
})
const sources = {
  forwarded: () =>
    forwarded({
      header,
      issuer: people.issuer(),
      gateway: machines(),
      bind: 'audience',
      gatewayMayList: true,
    }),
  enriched: () => enriched(inClaim()),
  'enriched in a header': () => enriched({ ...inClaim(), header }),
}
type Kind = keyof typeof sources
const kinds = Object.keys(sources) as Kind[]

async function identify(kind: Kind, claims: Claims = {}, user?: string): Promise<Identity> {
  const by = createAuthenticator({ resource, clock, sources: [sources[kind]() as never] })
  const headers = user === undefined ? {} : { [header]: user }
  return (await by.authenticate(bearer(await gateway.token(claims), headers))) as Identity
}

const jane = { sub: 'jane', gatewayMayList: true, 'onbehalf.gatewayMayList': true }
const enrichedToken = (): Promise<string> => gateway.token({ onBehalfOf: jane, jti: 'other' })

describe('gatewayMayList', () => {
  it.each(kinds)('marks the gateway without a user: %s', async (kind) => {
    expect(gatewayMayList(await identify(kind))).toBe(true)
  })

  it.each<[Kind, Claims, (() => Promise<string>) | undefined]>([
    ['forwarded', {}, () => people.token({ ...jane, kind: 'service' })],
    ['enriched', { onBehalfOf: jane }, undefined],
    ['enriched', { onBehalfOf: { ...jane, sub: gatewayClient } }, undefined],
    ['enriched', { sub: 'reports', client_id: 'reports' }, undefined],
    ['enriched in a header', {}, enrichedToken],
    ['enriched in a header', { sub: 'reports', client_id: 'reports' }, undefined],
  ])('does not mark another caller: %s %j', async (kind, claims, user) => {
    expect(gatewayMayList(await identify(kind, claims, await user?.()))).toBe(false)
  })

  it('is not visible in what is copied, listed or written', async () => {
    const identity = await identify('forwarded')
    expect(Object.getOwnPropertySymbols({ ...identity })).toEqual([])
    expect(JSON.stringify(identity)).not.toContain('gatewayMayList')
    expect(gatewayMayList({ ...identity })).toBe(false)
    expect(gatewayMayList(structuredClone(identity))).toBe(false)
    expect(Object.getOwnPropertyDescriptor(identity, mark)).toMatchObject({
      writable: false,
      configurable: false,
    })
  })

  it('stays when a guard chooses an organization, and when an identity is built from it', async () => {
    const organizations = ['acme', 'beta'].map((id) => ({ id, roles: [] }))
    const base = { ...(await identify('enriched')), organizations }
    const before = createIdentity({ ...base, ...marked })
    const narrowed = narrow(before, { effect: 'allow', organization: 'beta' })
    expect(narrowed).not.toBe(before)
    expect(narrowed.organization?.id).toBe('beta')
    expect(gatewayMayList(narrowed)).toBe(true)
    expect(gatewayMayList(createIdentity(before))).toBe(true)
  })

  it.each([
    ['a name instead of the symbol', { 'onbehalf.gatewayMayList': true }],
    ['a value that is only truthy', { [mark]: 'true' }],
    ['a user', { [mark]: true, kind: 'user' as const }],
  ])('is not there with %s', async (_what, parts) => {
    const base = { ...(await identify('forwarded')) }
    expect(gatewayMayList(createIdentity({ ...base, ...parts }))).toBe(false)
  })
})
