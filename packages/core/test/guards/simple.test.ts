import { allow, decide, deny, role, scope, user } from '@onbehalf/core/guards'
import { describe, expect, it } from 'vitest'
import { identityOf } from '../support/identities.ts'
import { now } from '../support/world.ts'

const call = { arguments: {} }
const names = (option: string): string => `${option} must name at least one non-empty string`

describe('user()', () => {
  it('allows a person and denies a machine, for calls and lists', () => {
    for (const options of [{ call, now }, { now }]) {
      expect(decide(user(), identityOf(), options)).toBe(allow)
      expect(decide(user(), identityOf({ kind: 'service' }), options)).toEqual(
        deny('user', 'user_required'),
      )
    }
  })
})

describe('role()', () => {
  const identity = identityOf({ roles: ['editor', 'viewer'] })

  it.each([['viewer'], [['admin', 'editor']]])('allows who holds one of %j', (roles) => {
    expect(decide(role(roles), identity, { call, now })).toBe(allow)
  })

  it.each(['edit', 'EDITOR', 'editor ', 'editor,viewer', '__proto__', 'length'])(
    'denies who does not hold %j',
    (roles) => {
      expect(decide(role(roles), identity, { call, now })).toEqual(
        deny('role', 'role_missing', { roles: [roles] }),
      )
    },
  )

  it('does not look into organizations', () => {
    const organization = { id: 'acme', roles: ['admin'] }
    const member = identityOf({ organization, organizations: [organization] })
    expect(decide(role('admin'), member, { call, now })).toMatchObject({ reason: 'role_missing' })
  })

  it.each([
    [undefined, 'roles is required'],
    ['', names('roles')],
    [[], names('roles')],
    [['a', 7], names('roles')],
  ])('must not be asked for %j', (roles, message) => {
    expect(() => role(roles as string)).toThrow(new TypeError(message))
  })
})

describe('scope()', () => {
  const identity = identityOf({ scopes: ['notes:read', 'files:write'] })

  it.each([['notes:read'], [['notes:read', 'files:write']]])(
    'allows who holds all of %j',
    (scopes) => {
      expect(decide(scope(scopes), identity, { call, now })).toBe(allow)
    },
  )

  it.each([['notes:write'], [['notes:read', 'notes:write']], ['notes'], ['NOTES:READ'], ['*']])(
    'denies who lacks one of %j, and names the complete set',
    (scopes) => {
      expect(decide(scope(scopes), identity, { call, now })).toEqual(
        deny('scope', 'scope_missing', { scopes: [scopes].flat() }),
      )
    },
  )

  const implies = {
    'notes:admin': ['notes:write'],
    'notes:write': ['notes:read'],
    a: ['b'],
    b: ['a'],
  }

  it.each([
    ['notes:admin', 'notes:write', true],
    ['notes:admin', 'notes:read', true],
    ['notes:write', 'notes:read', true],
    ['notes:read', 'notes:write', false],
    ['notes:read', 'notes:admin', false],
    ['a', 'b', true],
    ['b', 'a', true],
    ['a', 'notes:read', false],
    ['constructor', 'notes:read', false],
    ['__proto__', 'notes:read', false],
  ])('%s includes %s, directly or through others: %s', (held, asked, included) => {
    const decision = decide(scope(asked, { implies }), identityOf({ scopes: [held] }), {
      call,
      now,
    })
    expect(decision).toMatchObject({ effect: included ? 'allow' : 'deny' })
  })

  it('includes nothing by the form of a name', () => {
    const decision = decide(scope('notes:read'), identityOf({ scopes: ['notes', 'notes:*'] }), {
      call,
      now,
    })
    expect(decision).toMatchObject({ reason: 'scope_missing' })
  })

  it('keeps to the hierarchy that it was given', () => {
    const hierarchy: Record<string, string[]> = { admin: ['read'] }
    const guard = scope('write', { implies: hierarchy })
    hierarchy['admin'] = ['write']
    const admin = identityOf({ scopes: ['admin'] })
    expect(decide(guard, admin, { call, now })).toMatchObject({ reason: 'scope_missing' })
  })

  it.each([
    [{ implys: {} }, '"implys" is not an option of scope; did you mean "implies"?'],
    [{ implies: undefined }, 'implies must not be undefined'],
    [{ implies: [] }, 'implies must be an object'],
    [{ implies: null }, 'implies must be an object'],
    [{ implies: 'read' }, 'implies must be an object'],
    [{ implies: { admin: 'read' } }, 'implies.admin must be a list of scopes'],
    [{ implies: { admin: [7] } }, names('implies.admin')],
    [null, 'scope: the options must be an object'],
  ])('must not be given the options %j', (options, message) => {
    expect(() => scope('read', options as never)).toThrow(new TypeError(message))
  })

  it.each([
    [undefined, 'scopes is required'],
    ['', names('scopes')],
    [[], names('scopes')],
  ])('must not be asked for %j', (scopes, message) => {
    expect(() => scope(scopes as string)).toThrow(new TypeError(message))
  })
})
