import { createIdentity, type Identity } from '@onbehalf/core'
import {
  type Decision,
  type DenialReason,
  decide,
  deny,
  type Guard,
  type OrganizationOptions,
  organization,
  type Requirement,
  unknown,
} from '@onbehalf/core/guards'
import { describe, expect, it } from 'vitest'
import { identityOf, memberOf, memberOfMany } from '../support/identities.ts'
import { now } from '../support/world.ts'

interface Args {
  readonly orgId?: unknown
}

const acme = { id: 'acme', roles: ['controller'] }
const beta = { id: 'beta', roles: ['member'] }
const both = memberOfMany(acme, beta)
const match = (args: Args): string | undefined => args.orgId as string | undefined

function ask(options: OrganizationOptions<Args>, identity: Identity, args: unknown = {}): unknown {
  return decide(organization(options), identity, { call: { arguments: args }, now })
}

const chosen = (id: string): Decision => ({ effect: 'allow', organization: id })
const denied = (reason: DenialReason, required: Requirement = {}): Decision =>
  deny('organization', reason, required)

describe('organization()', () => {
  it('allows a caller who acts in one', () => {
    expect(ask({}, memberOf('acme'))).toEqual(chosen('acme'))
  })

  it('denies a caller who acts in none', () => {
    expect(ask({}, identityOf())).toEqual(denied('org_missing'))
  })

  it('denies a caller of several who names none', () => {
    expect(ask({}, both)).toEqual(denied('org_ambiguous'))
  })

  it('decides the same for a list', () => {
    const guard = organization()
    expect(decide(guard, memberOf('acme'), { now })).toEqual(chosen('acme'))
    expect(decide(guard, identityOf(), { now })).toEqual(denied('org_missing'))
  })
})

describe('organization({ ids })', () => {
  it.each([['acme'], [['beta', 'acme']]])('allows members of %j', (ids) => {
    expect(ask({ ids }, memberOf('acme'))).toEqual(chosen('acme'))
  })

  it.each(['beta', 'ACME', 'acm', 'acme '])('denies members of another one: %j', (ids) => {
    expect(ask({ ids }, memberOf('acme'))).toEqual(denied('org_mismatch', { organizations: [ids] }))
  })

  it('looks at the current organization alone, whatever others the caller has', () => {
    const identity = identityOf({ organization: acme, organizations: [acme, beta] })
    expect(ask({ ids: 'beta' }, identity)).toEqual(
      denied('org_mismatch', { organizations: ['beta'] }),
    )
  })

  it('singles one out of several, or denies', () => {
    expect(ask({ ids: 'beta' }, both)).toEqual(chosen('beta'))
    expect(ask({ ids: ['acme', 'beta'] }, both)).toEqual(
      denied('org_ambiguous', { organizations: ['acme', 'beta'] }),
    )
    expect(ask({ ids: 'gamma' }, both)).toEqual(
      denied('org_mismatch', { organizations: ['gamma'] }),
    )
  })
})

describe('organization({ roles })', () => {
  it('allows who holds one of them in the organization', () => {
    expect(ask({ roles: 'controller' }, memberOf('acme', ['controller']))).toEqual(chosen('acme'))
    expect(ask({ roles: ['owner', 'b'] }, memberOf('acme', ['a', 'b']))).toEqual(chosen('acme'))
  })

  it.each(['control', 'CONTROLLER', 'controllers'])('denies who does not: %j', (roles) => {
    expect(ask({ roles }, memberOf('acme', ['controller']))).toEqual(
      denied('org_role_missing', { roles: [roles] }),
    )
  })

  it('does not take a role outside the organization for one in it', () => {
    const identity = identityOf({
      roles: ['controller'],
      organization: beta,
      organizations: [beta],
    })
    expect(ask({ roles: 'controller' }, identity)).toEqual(
      denied('org_role_missing', { roles: ['controller'] }),
    )
  })

  it('names all that would satisfy it', () => {
    expect(ask({ ids: 'acme', roles: 'owner' }, memberOf('acme'))).toEqual(
      denied('org_role_missing', { organizations: ['acme'], roles: ['owner'] }),
    )
  })
})

describe('organization({ match })', () => {
  it('allows a call about an organization of the caller, current or not', () => {
    const identity = identityOf({ organization: acme, organizations: [acme, beta] })
    for (const orgId of ['acme', 'beta']) {
      expect(ask({ match }, identity, { orgId })).toEqual(chosen(orgId))
      expect(ask({ match }, both, { orgId })).toEqual(chosen(orgId))
    }
  })

  it('counts the current organization also where the list lacks it', () => {
    const identity = identityOf({ organization: acme, organizations: [beta] })
    expect(ask({ match }, identity, { orgId: 'acme' })).toEqual(chosen('acme'))
    expect(ask({ match }, identity, { orgId: 'beta' })).toEqual(chosen('beta'))
  })

  it.each(['gamma', 'ACME', '', undefined, null, 7, ['acme'], { id: 'acme' }, true])(
    'denies a call about %j',
    (orgId) => {
      expect(ask({ match }, both, { orgId })).toEqual(denied('org_mismatch'))
    },
  )

  it('denies who is in none', () => {
    expect(ask({ match }, identityOf(), { orgId: 'acme' })).toEqual(denied('org_missing'))
  })

  it('compares the other rules with the organization that matched', () => {
    const options = { match, roles: 'controller' }
    expect(ask(options, both, { orgId: 'acme' })).toEqual(chosen('acme'))
    expect(ask(options, both, { orgId: 'beta' })).toEqual(
      denied('org_role_missing', { roles: ['controller'] }),
    )
    expect(ask({ match, ids: 'acme' }, both, { orgId: 'beta' })).toEqual(
      denied('org_mismatch', { organizations: ['acme'] }),
    )
  })

  it.each([undefined, null, 'text', 7])('denies when the arguments are %j', (args) => {
    expect(ask({ match: ({ orgId }) => orgId as string }, both, args ?? null)).toEqual(
      args === undefined || args === null ? denied('guard_error') : denied('org_mismatch'),
    )
  })

  it('denies when match throws, or answers later', () => {
    const throwing = (): string => {
      throw new Error('out of order')
    }
    expect(ask({ match: throwing }, both)).toEqual(denied('guard_error'))
    const late = (async () => 'acme') as unknown as typeof match
    expect(ask({ match: late }, both)).toEqual(denied('org_mismatch'))
  })

  it('is unknown in a list, unless no argument could satisfy it', () => {
    const list = (options: OrganizationOptions<Args>, identity: Identity): unknown =>
      decide(organization({ match, ...options }) as Guard, identity, { now })
    expect(list({}, memberOf('acme'))).toBe(unknown)
    expect(list({}, both)).toBe(unknown)
    expect(list({ roles: 'controller' }, both)).toBe(unknown)
    expect(list({}, identityOf())).toEqual(denied('org_missing'))
    expect(list({ ids: 'gamma' }, both)).toEqual(
      denied('org_mismatch', { organizations: ['gamma'] }),
    )
    expect(list({ roles: 'owner' }, both)).toEqual(denied('org_role_missing', { roles: ['owner'] }))
  })
})

describe('the rules of organization', () => {
  const names = (option: string): string => `${option} must name at least one non-empty string`

  it.each([
    [{ ids: '' }, names('ids')],
    [{ ids: [] }, names('ids')],
    [{ ids: ['acme', ''] }, names('ids')],
    [{ ids: null }, names('ids')],
    [{ ids: undefined }, 'ids must not be undefined'],
    [{ roles: [] }, names('roles')],
    [{ roles: undefined }, 'roles must not be undefined'],
    [{ match: 'orgId' }, "match must be a function or 'path'"],
    [{ match: undefined }, 'match must not be undefined'],
    [{ id: 'acme' }, '"id" is not an option of organization; did you mean "ids"?'],
    [{ role: 'owner' }, '"role" is not an option of organization; did you mean "roles"?'],
    [undefined, 'organization: the options must be an object'],
    [null, 'organization: the options must be an object'],
  ])('must not be %j', (options, message) => {
    expect(() => organization(options as never)).toThrow(new TypeError(message))
  })
})

describe("organization({ match: 'path' })", () => {
  const at = (organization: string | undefined, identity: Identity): Identity =>
    createIdentity({
      ...identity,
      resource: { id: 'https://mcp.example.com/mcp', ...(organization && { organization }) },
    })
  const byPath: OrganizationOptions<Args> = { match: 'path' }

  it('allows a caller of the organization in the path, and makes it the current one', () => {
    expect(ask(byPath, at('beta', both))).toEqual(chosen('beta'))
    expect(ask(byPath, at('acme', both))).toEqual(chosen('acme'))
  })

  it.each([
    ['another organization', at('gamma', both)],
    ['a path without one', at(undefined, both)],
    ['a server with one resource', both],
    ['another spelling', at('ACME', both)],
  ])('denies at %s', (_case, identity) => {
    expect(ask(byPath, identity, { orgId: 'acme' })).toEqual(denied('org_mismatch'))
  })

  it('denies a caller of no organization, whatever the path says', () => {
    expect(ask(byPath, at('acme', identityOf()))).toEqual(denied('org_missing'))
  })

  it('decides the same for a list: the path is known there', () => {
    const guard = organization(byPath)
    expect(decide(guard, at('beta', both), { now })).toEqual(chosen('beta'))
    expect(decide(guard, at('gamma', both), { now })).toEqual(denied('org_mismatch'))
  })

  it('looks for the role in the organization of the path', () => {
    const options = { ...byPath, roles: 'controller' }
    expect(ask(options, at('acme', both))).toEqual(chosen('acme'))
    expect(ask(options, at('beta', both))).toEqual(
      denied('org_role_missing', { roles: ['controller'] }),
    )
  })

  it.each(['args', '', 7, null])('has no match of %j', (wrong) => {
    expect(() => organization({ match: wrong as never })).toThrow(
      new TypeError("match must be a function or 'path'"),
    )
  })
})
