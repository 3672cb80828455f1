import { createIdentity, type Identity } from '@onbehalf/core'
import { all, decide, type Guard, narrow, organization } from '@onbehalf/core/guards'
import { describe, expect, test } from 'vitest'

const acme = { id: 'acme', roles: ['controller'] }
const globex = { id: 'globex', roles: ['member'] }

function member(current?: typeof acme): Identity {
  return createIdentity({
    kind: 'user',
    issuer: 'https://issuer.example',
    subject: 'ada',
    organizations: [acme, globex],
    scopes: [],
    roles: [],
    source: 'direct',
    expiresAt: 2_000_000_000,
    claims: {},
    ...(current && { organization: current }),
  })
}

const byArgument = organization<{ orgId: string }>({ match: (args) => args.orgId })

function ask(guard: Guard<never>, identity: Identity, orgId: string) {
  return decide(guard, identity, { call: { arguments: { orgId } }, now: 1_900_000_000 })
}

describe('the organization that a call is about', () => {
  test('is one for all combined guards: a role in another one does not count', () => {
    const guard = all(byArgument, organization({ roles: 'controller' }))
    expect(ask(guard, member(acme), 'globex')).toMatchObject({
      effect: 'deny',
      reason: 'org_mismatch',
    })
  })

  test('is the one that all combined guards speak of', () => {
    const guard = all(byArgument, organization({ roles: 'controller' }))
    expect(ask(guard, member(acme), 'acme')).toEqual({ effect: 'allow', organization: 'acme' })
  })

  test('becomes the current one for the handler when it is matched', () => {
    const identity = member(acme)
    const decision = ask(byArgument, identity, 'globex')
    if (decision instanceof Promise) throw new TypeError('the guard is synchronous')
    expect(narrow(identity, decision).organization).toEqual(globex)
  })

  test.each([
    ['any organization', organization()],
    ['a role that is held in one of them', organization({ roles: 'controller' })],
    ['ids that fit both', organization({ ids: ['acme', 'globex'] })],
  ])('is not chosen from several by %s', (_what, guard) => {
    expect(ask(guard, member(), 'acme')).toMatchObject({ effect: 'deny', reason: 'org_ambiguous' })
  })

  test('is chosen from several by a single id', () => {
    expect(ask(organization({ ids: 'acme' }), member(), 'acme')).toEqual({
      effect: 'allow',
      organization: 'acme',
    })
  })
})
