import { createIdentity, type Identity } from '@onbehalf/core'
import { type Decision, decide, denialKey, organization, user } from '@onbehalf/core/guards'
import { matchers } from '@onbehalf/testing/vitest'
import { describe, expect, it } from 'vitest'

expect.extend(matchers)

const now = 1_800_000_000
const text = [{ type: 'text', text: 'Access denied' }]
const denial = { reason: 'org_mismatch', guard: 'organization', required: {} }
const results = {
  allowed: { content: text },
  denied: { isError: true, content: text, _meta: { [denialKey]: denial } },
  failed: { isError: true, content: [{ type: 'text', text: 'division by zero' }] },
}
const call = { arguments: {} }
const decisions: Readonly<Record<'allowed' | 'denied' | 'undecided', Decision>> = {
  allowed: await decide(organization({ ids: 'acme' }), ada(), { call, now }),
  denied: await decide(organization({ ids: 'globex' }), ada(), { call, now }),
  undecided: await decide(organization({ match: () => 'acme' }), ada(), { now }),
}

describe('toBeDenied', () => {
  it.each([
    ['a refused call', results.denied],
    ['a decision that denies', decisions.denied],
  ])('passes for %s, with its reason or none', (_case, denied) => {
    expect(denied).toBeDenied()
    expect(denied).toBeDenied('org_mismatch')
  })

  it.each([
    ['another reason', results.denied, 'denied: org_mismatch, by organization'],
    ['an allowed call', results.allowed, 'allowed'],
    ['a decision that allows', decisions.allowed, 'allowed'],
    ['a decision for a list', decisions.undecided, 'left undecided'],
  ])('fails for %s and says what happened', (_case, received, what) => {
    expect(complaintOf(() => expect(received).toBeDenied('role_missing'))).toBe(
      `expected the call to be denied (role_missing), but it was ${what}`,
    )
  })

  it('fails for a call that failed for its own reason, and shows it', () => {
    expect(() => expect(results.failed).toBeDenied()).toThrow(
      /^expected the call to be denied, but it failed: .*division by zero/,
    )
  })

  it('fails under not for the reason that was named, and passes for another', () => {
    expect(results.denied).not.toBeDenied('role_missing')
    expect(complaintOf(() => expect(results.denied).not.toBeDenied('org_mismatch'))).toBe(
      'expected the call not to be denied (org_mismatch), but it was denied: org_mismatch, by organization',
    )
    expect(() => expect(results.denied).not.toBeDenied()).toThrow(
      /^expected the call not to be denied, but it was denied: org_mismatch/,
    )
  })

  it('does not take a denial that a successful call carries for one', () => {
    expect({ ...results.denied, isError: false }).not.toBeDenied()
  })
})

describe('toBeAllowed', () => {
  it.each([
    ['a call that ran', results.allowed],
    ['a decision that allows', decisions.allowed],
  ])('passes for %s', (_case, allowed) => {
    expect(allowed).toBeAllowed()
  })

  it.each([
    ['a refused call', results.denied],
    ['a decision that denies', decisions.denied],
    ['a call that failed', results.failed],
    ['a decision for a list', decisions.undecided],
  ])('fails for %s', (_case, received) => {
    expect(received).not.toBeAllowed()
    expect(() => expect(received).toBeAllowed()).toThrow(
      /^expected the call to be allowed, but it /,
    )
  })

  it('fails under not for an allowed call', () => {
    expect(complaintOf(() => expect(results.allowed).not.toBeAllowed())).toBe(
      'expected the call not to be allowed, but it was allowed',
    )
  })
})

describe('both matchers', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['text', 'denied'],
    ['a promise that nobody awaited', Promise.resolve(results.denied)],
    ['an HTTP response', new Response('')],
    ['an object without content', {}],
  ])('fail for %s, also under not', (_case, received) => {
    const complaint = 'expected the answer to a call or the decision of a guard'
    expect(() => expect(received).toBeDenied()).toThrow(complaint)
    expect(() => expect(received).not.toBeDenied()).toThrow(complaint)
    expect(() => expect(received).toBeAllowed()).toThrow(complaint)
    expect(() => expect(received).not.toBeAllowed()).toThrow(complaint)
  })

  it('work on a promise through resolves', async () => {
    await expect(Promise.resolve(results.denied)).resolves.toBeDenied('org_mismatch')
    await expect(Promise.resolve(results.allowed)).resolves.toBeAllowed()
  })

  it('work as a part of another expectation', () => {
    expect([results.allowed, results.denied]).toEqual([
      expect.toBeAllowed(),
      expect.toBeDenied('org_mismatch'),
    ])
  })

  it('read the decisions of every guard', async () => {
    expect(await decide(user(), undefined, { now })).toBeDenied('identity_missing')
    expect(await decide(user(), ada(), { now: now + 3600 })).toBeDenied('identity_expired')
    expect(await decide(user(), ada(), { now })).toBeAllowed()
  })

  it('take the reasons of the closed list alone', () => {
    // @ts-expect-error: there is no such reason
    expect(results.denied).not.toBeDenied('org_mismach')
  })
})

function complaintOf(assertion: () => unknown): string {
  try {
    assertion()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing failed'
}

function ada(): Identity {
  const acme = { id: 'acme', roles: [] }
  return createIdentity({
    kind: 'user',
    issuer: 'https://issuer.example',
    subject: 'ada',
    organization: acme,
    organizations: [acme],
    scopes: [],
    roles: [],
    source: 'direct',
    expiresAt: now + 300,
    claims: {},
  })
}
