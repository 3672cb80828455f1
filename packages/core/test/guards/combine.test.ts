import {
  all,
  allow,
  any,
  type Decision,
  decide,
  deny,
  type Guard,
  type Limit,
  organization,
  role,
  scope,
  unknown,
  user,
} from '@onbehalf/core/guards'
import { describe, expect, it } from 'vitest'
import { identityOf, memberOfMany } from '../support/identities.ts'
import { now } from '../support/world.ts'

const call = { arguments: {} }
const answering = (name: string, answer: () => unknown): Guard => ({
  name,
  decide: answer as never,
})
const yes = answering('yes', () => allow)
const no = answering('no', () => deny('no', 'check_failed', { check: 'no' }))
const maybe = answering('maybe', () => unknown)
const later = (guard: Guard): Guard =>
  answering(guard.name, async () => guard.decide(identityOf(), undefined))
const lacks = (name: string): Guard => scope(name)

const ofCall = (guard: Guard<never>): unknown => decide(guard, identityOf(), { call, now })
const ofList = (guard: Guard<never>): unknown => decide(guard, identityOf(), { now })
const denial = deny('no', 'check_failed', { check: 'no' })

describe('all()', () => {
  it('allows when every guard does, and denies when one does not', () => {
    expect(ofCall(all(yes))).toBe(allow)
    expect(ofCall(all(yes, yes, yes))).toBe(allow)
    expect(ofCall(all(yes, no, yes))).toEqual(denial)
    expect(ofCall(all(no, yes))).toEqual(denial)
  })

  it('prefers what no consent repairs, and names all missing scopes together', () => {
    expect(ofCall(all(lacks('a'), no, lacks('b')))).toEqual(denial)
    expect(ofCall(all(lacks('a'), yes, lacks('b'), lacks('a')))).toEqual(
      deny('all', 'scope_missing', { scopes: ['a', 'b'] }),
    )
  })

  it('has the scopes and the limits of its guards, each once', () => {
    const limit = { name: 'calls' } as unknown as Limit
    const limited: Guard = { ...yes, limits: [limit] }
    const both = all(scope('a'), limited, all(scope(['b', 'a']), limited))
    expect(both.scopes).toEqual(['a', 'b'])
    expect(both.limits).toEqual([limit])
    expect(both.limits?.[0]).toBe(limit)
    expect(Object.keys(all(yes, no))).toEqual(['name', 'decide'])
  })

  it('is unknown in a list only when nothing denies', () => {
    expect(ofList(all(yes, maybe))).toBe(unknown)
    expect(ofList(all(maybe, no))).toEqual(denial)
    expect(ofList(all(yes, yes))).toBe(allow)
  })

  it('chooses the organization that its guards agree on', () => {
    const identity = memberOfMany({ id: 'acme', roles: [] }, { id: 'beta', roles: [] })
    const one = (ids: string): Guard<never> => organization({ ids })
    expect(decide(all(one('acme'), yes, one('acme')), identity, { call, now })).toEqual({
      effect: 'allow',
      organization: 'acme',
    })
    expect(decide(all(one('acme'), one('beta')), identity, { call, now })).toEqual(
      deny('all', 'org_mismatch'),
    )
  })
})

describe('any()', () => {
  it('takes no limit as an alternative, nor what contains one', () => {
    const limited: Guard = { ...yes, limits: [{ name: 'calls' } as unknown as Limit] }
    for (const guard of [limited, all(limited)]) {
      expect(() => any(yes, guard)).toThrow('a limit cannot be one of several alternatives')
    }
    expect(Object.keys(any(yes, no))).toEqual(['name', 'decide'])
  })

  it('allows when one guard does, and denies when none does', () => {
    expect(ofCall(any(no, yes))).toBe(allow)
    expect(ofCall(any(yes, no))).toBe(allow)
    expect(ofCall(any(no, no))).toEqual(denial)
  })

  it('prefers the refusal that consent repairs', () => {
    expect(ofCall(any(no, lacks('a'), lacks('b')))).toEqual(
      deny('scope', 'scope_missing', { scopes: ['a'] }),
    )
  })

  it('is unknown in a list only when nothing allows', () => {
    expect(ofList(any(no, maybe))).toBe(unknown)
    expect(ofList(any(maybe, yes))).toBe(allow)
    expect(ofList(any(no, no))).toEqual(denial)
  })
})

describe.each([
  ['all', all],
  ['any', any],
])('%s()', (name, combine) => {
  it('names the guards that it combines', () => {
    expect(combine(yes, user(), combine(no, role('x'))).name).toBe(
      `${name}(yes, user, ${name}(no, role))`,
    )
  })

  it('stays synchronous while its guards are', async () => {
    expect(ofCall(combine(yes, no))).not.toBeInstanceOf(Promise)
    expect(ofCall(combine(yes, later(no)))).toBeInstanceOf(Promise)
    expect(await ofCall(combine(later(yes), no))).toEqual(ofCall(combine(yes, no)))
    expect(await ofCall(combine(later(no), later(yes)))).toEqual(ofCall(combine(no, yes)))
  })

  it('has to combine something', () => {
    expect(() => combine()).toThrow(new TypeError(`${name} needs at least one guard`))
  })

  it('asks every guard, whatever the others answer', () => {
    const asked: string[] = []
    const spy = (guard: Guard): Guard =>
      answering(guard.name, () => {
        asked.push(guard.name)
        return guard.decide(identityOf(), call) as Decision
      })
    ofCall(combine(spy(no), spy(yes), spy(lacks('a'))))
    expect(asked).toEqual(['no', 'yes', 'scope'])
  })
})

describe('a guard among others that fails', () => {
  const failures: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('out of order')
      },
    ],
    ['rejects', () => Promise.reject(new Error('out of order'))],
    ['answers nothing', () => undefined],
    ['answers null', () => null],
    ['answers true', () => true],
    ['answers an empty object', () => ({})],
    ['answers another effect', () => ({ effect: 'permit' })],
    ['answers another effect later', async () => ({ effect: 'permit' })],
    ['answers that it does not know, for a call', () => unknown],
  ]

  it.each(failures)('denies alone and under all(), by its own name: %s', async (_, answer) => {
    const broken = answering('broken', answer)
    const failed = deny('broken', 'guard_error')
    expect(await ofCall(broken)).toEqual(failed)
    expect(await ofCall(all(yes, broken))).toEqual(failed)
    expect(await ofCall(all(broken, lacks('a')))).toEqual(failed)
    expect(await ofCall(all(yes, all(broken)))).toEqual(failed)
  })

  it.each(failures)('does not decide for the others under any(): %s', async (_, answer) => {
    const broken = answering('broken', answer)
    expect(await ofCall(any(broken, yes))).toBe(allow)
    expect(await ofCall(any(broken, no))).toEqual(deny('broken', 'guard_error'))
    expect(await ofCall(any(no, broken))).toEqual(denial)
  })
})
