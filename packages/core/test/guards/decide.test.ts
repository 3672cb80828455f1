import {
  allow,
  type Call,
  check,
  type Decision,
  decide,
  deny,
  type Guard,
  narrow,
  unknown,
  user,
} from '@onbehalf/core/guards'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { identityOf, memberOf, memberOfMany } from '../support/identities.ts'
import { now } from '../support/world.ts'

const call: Call = { arguments: {} }
const guardOf = (answer: () => unknown): Guard => ({ name: 'own', decide: answer as never })

describe('decide', () => {
  it('answers what the guard answers', () => {
    const denial = deny('own', 'check_failed', { check: 'own' })
    for (const decision of [allow, denial]) {
      expect(
        decide(
          guardOf(() => decision),
          identityOf(),
          { call, now },
        ),
      ).toBe(decision)
    }
    expect(
      decide(
        guardOf(() => unknown),
        identityOf(),
        { now },
      ),
    ).toBe(unknown)
  })

  describe('of a guard that takes its time', () => {
    beforeEach(() => {
      vi.useFakeTimers()
    })
    afterEach(() => {
      vi.useRealTimers()
    })

    const after = (milliseconds: number): Guard =>
      guardOf(() => new Promise((resolve) => setTimeout(() => resolve(allow), milliseconds)))
    const late = deny('own', 'guard_timeout')

    it.each<[number | undefined, number, Decision]>([
      [undefined, 9_999, allow],
      [undefined, 10_001, late],
      [2, 1_999, allow],
      [2, 2_001, late],
      [Number.POSITIVE_INFINITY, 1_000_000, allow],
    ])(
      'with %s seconds, denies one that takes %i ms unless it is in time',
      async (seconds, ms, expected) => {
        const decided = decide(after(ms), identityOf(), { call, now, timeoutSeconds: seconds })
        await vi.advanceTimersByTimeAsync(ms + 10)
        expect(await decided).toEqual(expected)
        expect(vi.getTimerCount()).toBe(0)
      },
    )
  })

  it('denies without an identity, and asks nobody', () => {
    const asked: unknown[] = []
    const decision = decide(
      guardOf(() => asked.push(1)),
      undefined,
      { call, now },
    )
    expect(decision).toEqual(deny('own', 'identity_missing'))
    expect(asked).toEqual([])
  })

  it.each([
    [now + 300, 'allow'],
    [now, 'allow'],
    [now - 59, 'allow'],
    [now - 60, 'deny'],
    [now - 3600, 'deny'],
  ])(
    'takes an identity that expires at %i, with the skew of verification, and %ss',
    (at, effect) => {
      const expected = effect === 'allow' ? allow : deny('user', 'identity_expired')
      expect(decide(user(), identityOf({ expiresAt: at }), { call, now })).toEqual(expected)
    },
  )

  it.each([Number.NaN, undefined, 'soon', Number.POSITIVE_INFINITY])(
    'denies when the time is %s',
    (time) => {
      const decision = decide(user(), identityOf(), { call, now: time as number })
      expect(decision).toEqual(deny('user', 'identity_expired'))
    },
  )

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['true', true],
    ['1', 1],
    ['text', 'allow'],
    ['an empty object', {}],
    ['another effect', { effect: 'permit' }],
    ['a list', [allow]],
    ['unknown, for a call', unknown],
  ])('denies when the guard answers %s', async (_, answer) => {
    const failed = deny('own', 'guard_error')
    expect(
      decide(
        guardOf(() => answer),
        identityOf(),
        { call, now },
      ),
    ).toEqual(failed)
    const later = guardOf(() => Promise.resolve(answer))
    expect(await decide(later, identityOf(), { call, now })).toEqual(failed)
    const inList = await decide(later, identityOf(), { now })
    expect(inList).toEqual(answer === unknown ? unknown : failed)
  })

  it('denies when the guard throws or rejects', async () => {
    const throwing = guardOf(() => {
      throw new Error('out of order')
    })
    const rejecting = guardOf(() => Promise.reject(new Error('out of order')))
    const failed = deny('own', 'guard_error')
    expect(decide(throwing, identityOf(), { call, now })).toEqual(failed)
    expect(await decide(rejecting, identityOf(), { call, now })).toEqual(failed)
  })

  it('waits for a guard that takes its time', async () => {
    const decision = decide(
      guardOf(async () => allow),
      identityOf(),
      { call, now },
    )
    expect(decision).toBeInstanceOf(Promise)
    expect(await decision).toBe(allow)
  })

  it('gives the guard the identity and the call, and no call for a list', () => {
    const seen: unknown[] = []
    const guard: Guard = { name: 'own', decide: (...given) => (seen.push(given), allow) }
    const identity = identityOf()
    void decide(guard, identity, { call, now })
    void decide(guard, identity, { now })
    expect(seen).toEqual([
      [identity, call],
      [identity, undefined],
    ])
  })
})

describe('a decision', () => {
  it('cannot be changed', () => {
    const denial = deny('own', 'role_missing', { roles: ['admin'] })
    for (const value of [allow, unknown, denial, denial.required]) {
      expect(Object.isFrozen(value)).toBe(true)
    }
  })
})

describe('narrow', () => {
  const acme = { id: 'acme', roles: ['controller'] }
  const beta = { id: 'beta', roles: [] }
  const chosen = (organization: string): Decision => ({ effect: 'allow', organization })

  it('makes the organization that was chosen the current one', () => {
    const identity = memberOfMany(acme, beta)
    const narrowed = narrow(identity, chosen('acme'))
    expect(narrowed).toEqual({ ...identity, organization: acme })
    expect(Object.isFrozen(narrowed)).toBe(true)
    expect(Object.getPrototypeOf(narrowed)).toBeNull()
  })

  it('returns the very identity where nothing changes', () => {
    const identity = memberOf('acme')
    const decisions = [allow, unknown, deny('own', 'check_failed'), chosen('acme')]
    for (const decision of decisions) expect(narrow(identity, decision)).toBe(identity)
  })

  it('does not give an organization that the caller is not in', () => {
    const identity = memberOfMany(acme, beta)
    expect(narrow(identity, chosen('gamma'))).toBe(identity)
  })
})

describe('check', () => {
  const open = check('office-hours', () => true)

  it('allows when its function answers true, now or later', async () => {
    expect(decide(open, identityOf(), { call, now })).toBe(allow)
    const later = check('office-hours', async () => true)
    expect(await decide(later, identityOf(), { call, now })).toBe(allow)
  })

  const denial = deny('rule', 'check_failed', { check: 'rule' })
  const answers = [false, undefined, null, 0, 1, '', 'yes', {}, []]

  it.each(answers)('denies when its function answers %j', async (answer) => {
    const given = check('rule', (() => answer) as never)
    expect(await decide(given, identityOf(), { call, now })).toEqual(denial)
    const later = check('rule', (async () => answer) as never)
    expect(await decide(later, identityOf(), { call, now })).toEqual(denial)
  })

  it('waits for anything that can be waited for', async () => {
    const run = (resolve: (value: boolean) => void): void => resolve(true)
    // oxlint-disable-next-line unicorn/no-thenable -- what a query builder looks like
    const query = { then: run }
    const guard = check('rule', (() => query) as never)
    expect(await decide(guard, identityOf(), { call, now })).toBe(allow)
  })

  it('denies when its function throws or rejects', async () => {
    const failed = deny('rule', 'guard_error')
    const throwing = check('rule', () => {
      throw new Error('out of order')
    })
    const rejecting = check('rule', () => Promise.reject(new Error('out of order')))
    expect(decide(throwing, identityOf(), { call, now })).toEqual(failed)
    expect(await decide(rejecting, identityOf(), { call, now })).toEqual(failed)
  })

  it('reads identity and arguments', () => {
    const own = check<{ owner: string }>(
      'own-notes',
      (identity, args) => args.owner === identity.subject,
      { needsArguments: true },
    )
    const decideFor = (owner: string): unknown =>
      decide(own, identityOf(), { call: { arguments: { owner } }, now })
    expect(decideFor('jane')).toBe(allow)
    expect(decideFor('joe')).toEqual(deny('own-notes', 'check_failed', { check: 'own-notes' }))
  })

  const readers: [string, (identity: unknown, args?: { a?: number }) => boolean][] = [
    ['names them', (_identity, args) => args?.a === 1],
    ['has a default for them', (_identity, args = {}) => args.a === 1],
    ['takes them apart', (_identity, { a } = {}) => a === 1],
    ['takes the rest', (...given) => given[1]?.a === 1],
  ]

  it.each(readers)('is unknown in a list when it needs arguments: one that %s', (_, reads) => {
    const guard = check('rule', reads, { needsArguments: true })
    expect(decide(guard, identityOf(), { now })).toBe(unknown)
    expect(decide(guard, identityOf(), { call: { arguments: { a: 1 } }, now })).toBe(allow)
    expect(decide(guard, identityOf(), { call: { arguments: { a: 2 } }, now })).toEqual(denial)
  })

  it.each([undefined, {}, { needsArguments: false } as const])(
    'decides on the identity alone, in lists too, with the options %j',
    (options) => {
      const seen: unknown[][] = []
      const guard = check('rule', (...given: unknown[]) => seen.push(given) === 0, options)
      expect(decide(guard, identityOf(), { now })).toEqual(denial)
      expect(decide(guard, identityOf(), { call, now })).toEqual(denial)
      expect(seen.map(({ length }) => length)).toEqual([1, 1])
      expect(decide(open, identityOf(), { now })).toBe(allow)
    },
  )

  it.each([
    [
      { needArguments: true },
      '"needArguments" is not an option of check; did you mean "needsArguments"?',
    ],
    [{ needsArguments: undefined }, 'needsArguments must not be undefined'],
    [{ needsArguments: 1 }, 'needsArguments must be true or false'],
    [null, 'check: the options must be an object'],
    [true, 'check: the options must be an object'],
  ])('refuses the options %j', (options, message) => {
    expect(() => check('rule', () => true, options as never)).toThrow(new TypeError(message))
  })

  it('must have a name', () => {
    expect(() => check('', () => true)).toThrow(new TypeError('name must not be empty'))
    expect(() => check((() => true) as never, 'rule' as never)).toThrow(
      new TypeError('name must not be empty'),
    )
  })

  it('must have a function', () => {
    expect(() => check('rule', true as never)).toThrow(new TypeError('fn must be a function'))
  })
})
