import { inspect } from 'node:util'
import { type AwsAlbOptions, awsAlb } from '@onbehalf/aws'
import {
  type AuthenticatorEvent,
  createAuthenticator,
  memoryStore,
  type Revocation,
  type Store,
} from '@onbehalf/core'
import { decide, role } from '@onbehalf/core/guards'
import { describe, expect, it } from 'vitest'
import { authenticatorOf, issuer, type Json, now, read, start } from './balancer.ts'

describe('the identity of awsAlb', () => {
  it.each([
    ['ada', 'user'],
    ['alb-client', 'service'],
    ['spiffe://prod.example/agent', 'service'],
  ])('of %s is a %s', async (sub, kind) => {
    const { options, assert } = await start()
    expect((await read(authenticatorOf(options), assert({ sub }))).kind).toBe(kind)
  })

  it.each<[string, AwsAlbOptions['roles'], Json, readonly string[]]>([
    ['a list', 'groups', { groups: ['admin', 'member'] }, ['admin', 'member']],
    ['one string', 'groups', { groups: 'nonadmin' }, ['nonadmin']],
    ['one string with a comma', 'groups', { groups: 'read,admin' }, ['read,admin']],
    ['one string with a blank', 'groups', { groups: 'Read admin' }, ['Read admin']],
    [
      'one string of a function',
      (claims) => claims['custom:roles'],
      { 'custom:roles': 'nonadmin' },
      ['nonadmin'],
    ],
    ['a path', ['realm_access', 'roles'], { realm_access: { roles: ['member'] } }, ['member']],
    ['a number', 'groups', { groups: 7 }, []],
    ['a list with a number', 'groups', { groups: ['admin', 7] }, []],
    ['an object', 'groups', { groups: { admin: true } }, []],
    ['null', 'groups', { groups: null }, []],
    ['nothing', undefined, {}, []],
  ])('reads roles from %s, and never a part of a name', async (_name, roles, claims, expected) => {
    const {
      options: { roles: _roles, ...options },
      assert,
    } = await start()
    const reading = roles === undefined ? options : { ...options, roles }
    const identity = await read(authenticatorOf(reading), assert(claims))
    expect(identity.roles).toEqual(expected)
    expect(identity.organization?.roles).toEqual(expected)
    const decision = await decide(role('admin'), identity, { now })
    expect(decision.effect).toBe(expected.includes('admin') ? 'allow' : 'deny')
  })

  it('drops an organization that it does not understand, and reports it', async () => {
    const { options, assert } = await start()
    const events: AuthenticatorEvent[] = []
    const authenticator = authenticatorOf(options, (event) => events.push(event))
    const identity = await read(authenticator, assert({ org_id: [7] }))
    expect(identity.organization).toBeUndefined()
    expect(events).toContainEqual({ type: 'claim_dropped', claim: 'organization' })
  })

  it.each([null, ''])('takes a claim that holds %j for absent', async (empty) => {
    const { options, assert } = await start()
    const assertion = assert({ iss: empty, exp: empty, org_id: empty })
    expect(await read(authenticatorOf(options), assertion)).toMatchObject({ kind: 'user' })
  })

  it('names no current organization when the claim lists several', async () => {
    const { options, assert } = await start()
    const { organization, organizations } = await read(
      authenticatorOf(options),
      assert({ org_id: ['acme', 'globex'] }),
    )
    expect(organization).toBeUndefined()
    expect(organizations.map(({ id }) => id)).toEqual(['acme', 'globex'])
  })

  it.each<[string, AwsAlbOptions['roles']]>([
    [
      'throws',
      (claims) => {
        throw new Error(JSON.stringify(claims))
      },
    ],
    [
      'rejects',
      async (claims) => {
        await Promise.resolve()
        throw new Error(JSON.stringify(claims))
      },
    ],
  ])('says nothing of the claims when a reader %s', async (_name, roles) => {
    const { options, assert } = await start()
    const refused = read(authenticatorOf({ ...options, ...(roles && { roles }) }), assert())
    const error = await refused.catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({ code: 'DOWN', reason: 'claim_reader_failed' })
    expect(inspect(error)).not.toContain('alb-client')
    expect(inspect(error)).not.toContain('acme')
  })

  it.each<[string, unknown, boolean]>([
    ['verified', true, true],
    ['verified in text, as Cognito says it', 'true', true],
    ['not verified', false, false],
    ['verified by a number', 1, false],
    ['unknown', undefined, false],
  ])(
    'shows readers and handlers an e-mail address only when it is verified: %s',
    async (_name, email_verified, seen) => {
      const { options, assert } = await start()
      const email = 'ada@acme.example'
      const events: AuthenticatorEvent[] = []
      const authenticator = authenticatorOf({ ...options, roles: 'email' }, (it) => events.push(it))
      const identity = await read(authenticator, assert({ email, email_verified }))
      expect(identity.claims['email']).toBe(seen ? email : undefined)
      expect(identity.roles).toEqual(seen ? [email] : [])
      const dropped = events.filter(({ type }) => type === 'claim_dropped')
      expect(dropped).toEqual(seen ? [] : [{ type: 'claim_dropped', claim: 'email' }])
    },
  )

  it('keeps an address of an identity provider that vouches for it, unless that says otherwise', async () => {
    const { options, assert } = await start()
    const authenticator = authenticatorOf({ ...options, vouchesForEmail: true })
    const email = 'ada@acme.example'
    const silent = await read(authenticator, assert({ email }))
    expect(silent.claims['email']).toBe(email)
    const denied = await read(authenticator, assert({ email, email_verified: false }))
    expect(denied.claims['email']).toBeUndefined()
  })

  it.each<[string, Json, 'user' | 'service']>([
    ['the client id itself', { sub: 'alb-client' }, 'service'],
    ['a name that begins like the client id', { sub: 'alb-client-ada' }, 'user'],
    ['a name that ends like the client id', { sub: 'my-alb-client' }, 'user'],
    ['the client id in other letters', { sub: 'ALB-CLIENT' }, 'user'],
    ['a name like that of a service account', { sub: 'service-account-x' }, 'user'],
    ['a user name that is the client id', { username: 'alb-client' }, 'user'],
    ['claims of a machine', { client_id: 'ada', azp: 'ada', gty: 'client-credentials' }, 'user'],
    ['another client that is the subject', { client_id: 'other', sub: 'other' }, 'user'],
  ])('decides by the client alone who is a service: %s', async (_name, claims, kind) => {
    const { options, assert } = await start()
    expect(await read(authenticatorOf(options), assert(claims))).toMatchObject({ kind })
  })

  it.each<[string, Json, Revocation]>([
    ['the subject', {}, { issuer, subject: 'ada' }],
    ['the subject, whose profile has an iat', { iat: now * 2 }, { issuer, subject: 'ada' }],
    ['the session', { sid: 's1' }, { issuer, sessionId: 's1' }],
    ['the id of the assertion', { jti: 'j1' }, { issuer, tokenId: 'j1' }],
  ])('refuses a user after %s was revoked', async (_name, claims, revocation) => {
    const { options, assert } = await start()
    const authenticator = authenticatorOf(options)
    await read(authenticator, assert(claims))
    await authenticator.revoke(revocation)
    await expect(read(authenticator, assert(claims))).rejects.toMatchObject({
      code: 'TOK',
      reason: 'revoked',
    })
    await expect(
      read(authenticator, assert({ sub: 'bob', sid: 's2', jti: 'j2' })),
    ).resolves.toMatchObject({ subject: 'bob' })
  })

  it('keeps a revocation as long as a session at the load balancer may last', async () => {
    const { options, assert } = await start()
    const kept: number[] = []
    const revocations: Store = {
      ...memoryStore(),
      set: (_key, _value, ttlSeconds) => Promise.resolve(void kept.push(ttlSeconds)),
    }
    const resource = 'https://mcp.example.com/mcp'
    const lasting = { ...options, sessionTimeoutSeconds: 200_000 }
    for (const alb of [options, lasting]) {
      const sources = [awsAlb(alb)]
      const authenticator = createAuthenticator({
        resource,
        sources,
        revocations,
        clock: () => now,
      })
      await read(authenticator, assert())
      await authenticator.revoke({ issuer, subject: 'ada' })
    }
    expect(kept[0]).toBeGreaterThanOrEqual(604_800)
    expect(kept[1]).toBeGreaterThanOrEqual(200_000)
    expect(kept[1]).toBeLessThan(604_800)
  })
})
