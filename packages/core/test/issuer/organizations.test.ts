import { type AuthenticatorEvent, createAuthenticator, direct, type Identity } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  bearer,
  clock,
  createPeople,
  createRecorder,
  type Party,
  resource,
} from '../support/world.ts'

let people: Party
beforeAll(async () => {
  people = await createPeople()
})

interface Read {
  readonly identity: Identity
  readonly dropped: readonly AuthenticatorEvent[]
}

/** The identity whose `organization` claim and roles are these. */
async function read(organization: unknown, roles?: unknown): Promise<Read> {
  const { events, onEvent } = createRecorder()
  const issuer = people.issuer({ claimMap: { organization: 'organization' } })
  const sources = [direct({ issuer })]
  const authenticator = createAuthenticator({ resource, clock, sources, onEvent })
  const token = await people.token({ organization, roles })
  const identity = await authenticator.authenticate(bearer(token))
  return { identity, dropped: events.filter(({ type }) => type === 'claim_dropped') }
}

describe('the organization of a caller', () => {
  it.each([
    ['an id', 'acme', { id: 'acme', roles: [] }],
    ['an object with an id', { id: 'acme' }, { id: 'acme', roles: [] }],
    [
      'an object with more',
      { id: 'o1', name: 'Acme', roles: ['a'] },
      { id: 'o1', name: 'Acme', roles: ['a'] },
    ],
    ['a list of one id', ['acme'], { id: 'acme', roles: [] }],
    ['a list of one object', [{ id: 'acme' }], { id: 'acme', roles: [] }],
    ['an alias with an id', { acme: { id: 'o1' } }, { id: 'o1', name: 'acme', roles: [] }],
    ['an alias with nothing', { acme: {} }, { id: 'acme', name: 'acme', roles: [] }],
    ['an alias with null', { acme: null }, { id: 'acme', name: 'acme', roles: [] }],
    ['an id with roles', { o1: { roles: ['a'] } }, { id: 'o1', name: 'o1', roles: ['a'] }],
  ])('is read from %s', async (_, claim, organization) => {
    const { identity, dropped } = await read(claim)
    expect(identity.organization).toEqual(organization)
    expect(identity.organizations).toEqual([organization])
    expect(dropped).toEqual([])
  })

  it.each([
    ['an id', ['acme', 'acme']],
    ['an id, once as an object', ['acme', { id: 'acme' }]],
    [
      'an object',
      [
        { id: 'acme', name: 'Acme' },
        { id: 'acme', name: 'Acme' },
      ],
    ],
  ])('is one, although it is listed twice: %s', async (_, claim) => {
    const { identity, dropped } = await read(claim, ['admin'])
    expect(identity.organizations).toHaveLength(1)
    expect(identity.organization).toMatchObject({ id: 'acme', roles: ['admin'] })
    expect(dropped).toEqual([])
  })

  it.each([
    [
      'other roles',
      [
        { id: 'acme', roles: ['viewer'] },
        { id: 'acme', roles: ['admin'] },
      ],
    ],
    ['roles once only', ['acme', { id: 'acme', roles: ['admin'] }]],
    [
      'another name',
      [
        { id: 'acme', name: 'Acme' },
        { id: 'acme', name: 'Globex' },
      ],
    ],
    ['its id as the alias of another', { acme: { id: 'o1' }, o1: {} }],
  ])('is not known where it is listed twice with %s', async (_, claim) => {
    const { identity, dropped } = await read(claim, ['admin'])
    expect(identity.organizations).toEqual([])
    expect(dropped).toEqual([{ type: 'claim_dropped', claim: 'organization' }])
  })

  it.each([
    ['ids', ['acme', 'beta']],
    ['objects', [{ id: 'acme' }, { id: 'beta' }]],
    ['aliases', { acme: { id: 'acme' }, beta: {} }],
  ])('is never the first of several %s', async (_, claim) => {
    const { identity } = await read(claim, ['admin'])
    expect('organization' in identity).toBe(false)
    expect(identity.organizations.map(({ id }) => id)).toEqual(['acme', 'beta'])
    expect(identity.organizations.map(({ roles }) => roles)).toEqual([[], []])
  })

  it.each([[undefined], [null], [''], [[]], [{}]])(
    'is absent when the claim is %j',
    async (claim) => {
      const { identity, dropped } = await read(claim)
      expect('organization' in identity).toBe(false)
      expect(identity.organizations).toEqual([])
      expect(dropped).toEqual([])
    },
  )

  // What is not understood must not make one organization out of several, nor a name out of a member.
  it.each([
    [7],
    [true],
    [[7]],
    [['acme', 7]],
    [['acme', ['beta']]],
    [[{ id: 'acme' }, { name: 'Beta' }]],
    [{ id: 7 }],
    [{ id: '' }],
    [{ id: ['acme'] }],
    [{ organization_id: 'o1', slug: 'acme' }],
    [{ tenant: 'acme' }],
    [{ acme: {}, count: 2 }],
    [{ acme: ['a'] }],
  ])('is dropped as a whole, and the operator is notified, when the claim is %j', async (claim) => {
    const { identity, dropped } = await read(claim)
    expect('organization' in identity).toBe(false)
    expect(identity.organizations).toEqual([])
    expect(dropped).toEqual([{ type: 'claim_dropped', claim: 'organization' }])
  })
})

describe('the roles in the organization', () => {
  it('are those of the token, where it is for one organization and does not list its roles', async () => {
    expect((await read('acme', ['admin'])).identity.organization?.roles).toEqual(['admin'])
    expect((await read({ id: 'acme' }, ['admin'])).identity.organization?.roles).toEqual(['admin'])
  })

  it.each([
    ['its own', ['viewer'], ['viewer']],
    ['explicitly none', [], []],
    ['not understood', [7], []],
    ['not understood', { admin: true }, []],
  ])('are %s where the organization lists them', async (_, roles, expected) => {
    const { identity } = await read({ id: 'acme', roles }, ['admin'])
    expect(identity.organization?.roles).toEqual(expected)
    expect(identity.organizations[0]?.roles).toEqual(expected)
    expect(identity.roles).toEqual(['admin'])
  })
})

describe('org_id', () => {
  it('names the organization by default, with org_name', async () => {
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    const token = await people.token({ org_id: 'org_1', org_name: 'acme', roles: ['admin'] })
    expect((await authenticator.authenticate(bearer(token))).organization).toEqual({
      id: 'org_1',
      name: 'acme',
      roles: ['admin'],
    })
  })
})
