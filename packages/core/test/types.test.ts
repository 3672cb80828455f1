import type { IncomingMessage } from 'node:http'
import {
  type Authenticator,
  type AuthenticatorEvent,
  type Claims,
  type CredentialRequest,
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  type Identity,
  IdentityError,
  type Issuer,
  issuer,
  type Organization,
  plainHeaders,
  type RefusalReason,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import {
  all,
  any,
  check,
  type Narrowed,
  organization,
  role,
  scope,
  user,
} from '@onbehalf/core/guards'
import { cognito, entra } from '@onbehalf/core/issuers'
import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'

const keys = { jwks: { keys: [] } }
const resource = 'https://mcp.example.com/mcp'
const usual = {
  iss: 'https://people.example.com',
  audience: resource,
  kind: 'by-client' as const,
  keys,
}
const plan = z.object({ plan: z.string() })
const via = issuer({ ...usual, clients: 'gateway' })

/** The type of `identity.claims` of an authenticator. */
type ClaimsOf<A> = A extends Authenticator<infer C> ? C : never

describe('the type of identity.claims', () => {
  it('is the output of the schema of the issuer, for every source that verifies its token', () => {
    const people = issuer({ ...usual, schema: plan })
    const sources = {
      direct: createAuthenticator({
        resource,
        sources: [direct({ issuer: issuer({ ...usual, schema: plan }) })],
      }),
      signedHeader: createAuthenticator({
        resource,
        sources: [signedHeader({ header: 'x-assertion', issuer: people })],
      }),
      cognito: createAuthenticator({
        resource,
        sources: [
          direct({
            issuer: cognito({
              region: 'eu-west-1',
              userPoolId: 'eu-west-1_Ab12',
              audience: null,
              clients: 'web',
              schema: plan,
            }),
          }),
        ],
      }),
    }
    type All = (typeof sources)[keyof typeof sources]
    expectTypeOf<ClaimsOf<All>>().toEqualTypeOf<{ plan: string }>()
  })

  it('is the output, not the input, of a schema that transforms', () => {
    const seats = z.object({ seats: z.string().transform(Number) })
    expectTypeOf(issuer({ ...usual, schema: seats })).toExtend<Issuer<{ seats: number }>>()
  })

  it('is a record of unknown values without a schema, also where all is written in one place', () => {
    const tenantId = '11111111-2222-3333-4444-555555555555'
    const one = createAuthenticator({ resource, sources: [direct({ issuer: issuer(usual) })] })
    const other = createAuthenticator({
      resource,
      sources: [
        direct({ issuer: entra({ tenantId, audience: 'api', keys }) }),
        enriched({ issuer: via, userClaim: 'onBehalfOf' }),
      ],
    })
    expectTypeOf(one).toEqualTypeOf<Authenticator>()
    expectTypeOf(other).toEqualTypeOf<Authenticator>()
  })

  it('is that of the schema, or any claims, where the gateway may come without a person', () => {
    const people = issuer({ ...usual, schema: plan })
    const mixed = createAuthenticator({
      resource,
      sources: [
        forwarded({ header: 'x-user-token', issuer: people, gateway: via, bind: 'audience' }),
        enriched({ issuer: via, userClaim: 'onBehalfOf', schema: plan }),
      ],
    })
    expectTypeOf<ClaimsOf<typeof mixed>>().toEqualTypeOf<{ plan: string } | Claims>()
  })

  it('lists what each of several sources may give', () => {
    const iss = 'https://seats.example.com'
    const seats = issuer({ ...usual, iss, schema: z.object({ seats: z.number() }) })
    const several = createAuthenticator({
      resource,
      sources: [direct({ issuer: issuer({ ...usual, schema: plan }) }), direct({ issuer: seats })],
    })
    expectTypeOf<ClaimsOf<typeof several>>().toEqualTypeOf<{ plan: string } | { seats: number }>()
  })

  it('does not know claims that the schema does not name', () => {
    type Typed = Identity<{ plan: string }>
    expectTypeOf<Typed['claims']['plan']>().toBeString()
    // @ts-expect-error -- not in the schema
    type Unnamed = Typed['claims']['seats']
    expectTypeOf<Unnamed>().not.toBeString()
  })
})

describe('the type of an identity', () => {
  it('may lack an organization and be a service', () => {
    expectTypeOf<Identity['organization']>().toEqualTypeOf<Organization | undefined>()
    expectTypeOf<Identity['kind']>().toEqualTypeOf<'user' | 'service'>()
  })

  it('does not allow to write', () => {
    const write = (identity: Identity): void => {
      // @ts-expect-error -- read-only
      identity.subject = 'root'
      // @ts-expect-error -- read-only
      identity.roles.push('admin')
    }
    expectTypeOf(write).toBeFunction()
  })
})

describe('what a guard says about the identity it allowed', () => {
  it('is that organization() found one', () => {
    type After = Narrowed<ReturnType<typeof organization>>
    expectTypeOf<After['organization']>().toEqualTypeOf<Organization>()
    expectTypeOf<After>().toExtend<Identity>()
    // @ts-expect-error -- before the guard there may be none
    expectTypeOf<Identity['organization']>().toEqualTypeOf<Organization>()
  })

  it('is that user() found a person', () => {
    type After = Narrowed<ReturnType<typeof user>>
    expectTypeOf<After['kind']>().toEqualTypeOf<'user'>()
    // @ts-expect-error -- before the guard it may be a service
    expectTypeOf<Identity['kind']>().toEqualTypeOf<'user'>()
  })

  it('is nothing new for role(), scope() and check()', () => {
    const plain = [role('admin'), scope('notes:read'), check('office-hours', () => true)] as const
    expectTypeOf<Narrowed<(typeof plain)[number]>>().toEqualTypeOf<Identity>()
  })

  it('is everything that the members of all() say', () => {
    const guard = all(organization(), user(), scope('notes:read'))
    type After = Narrowed<typeof guard>
    expectTypeOf<After['organization']>().toEqualTypeOf<Organization>()
    expectTypeOf<After['kind']>().toEqualTypeOf<'user'>()
  })

  it('is what all members of any() agree on', () => {
    const [both, either] = [
      any(organization(), all(organization(), user())),
      any(organization(), user()),
    ]
    expectTypeOf<Narrowed<typeof both>['organization']>().toEqualTypeOf<Organization>()
    expectTypeOf<Narrowed<typeof either>['organization']>().toEqualTypeOf<
      Organization | undefined
    >()
    // @ts-expect-error -- a service of an organization passes as well
    expectTypeOf<Narrowed<typeof either>['kind']>().toEqualTypeOf<'user'>()
  })

  it('reaches through nested combinations', () => {
    const guard = all(any(organization(), organization({ roles: 'admin' })), all(user()))
    expectTypeOf<Narrowed<typeof guard>['organization']>().toEqualTypeOf<Organization>()
    expectTypeOf<Narrowed<typeof guard>['kind']>().toEqualTypeOf<'user'>()
  })

  it('types the arguments that match and check read', () => {
    type Arguments = { orgId: string }
    organization<Arguments>({ match: (args) => args.orgId })
    // @ts-expect-error -- no such argument
    organization<Arguments>({ match: (args) => args.tenant })
    const reads = (_identity: Identity, args: Arguments): boolean => args.orgId === 'acme'
    expectTypeOf(check<Arguments>('rule', reads, { needsArguments: true }).name).toBeString()
    check('rule', (_identity, args) => args === undefined, { needsArguments: true })
    // @ts-expect-error -- the arguments are for a rule that says it needs them
    check<Arguments>('rule', reads)
    // @ts-expect-error -- the same, as it is written inline
    check('rule', (_identity, args) => args === undefined)
    // @ts-expect-error -- and says it with true
    check('rule', reads, { needsArguments: false })
    // @ts-expect-error -- an organization is named by its id
    organization({ match: () => 42 })
    // @ts-expect-error -- a rule answers true or false
    check('rule', () => 'yes')
  })
})

describe('the types of requests and options', () => {
  it('take Node requests, web requests and records for requests', () => {
    expectTypeOf<IncomingMessage>().toExtend<CredentialRequest>()
    expectTypeOf<Request>().toExtend<CredentialRequest>()
    expectTypeOf<{ headers: Headers }>().toExtend<CredentialRequest>()
    expectTypeOf<{ headers: { authorization: string } }>().toExtend<CredentialRequest>()
    expectTypeOf<{ body: string }>().not.toExtend<CredentialRequest>()
  })

  it('demand what decides about security', () => {
    const wrong = (): void => {
      // @ts-expect-error -- audience is required
      issuer({ iss: 'https://people.example.com' })
      // @ts-expect-error -- bind is required
      forwarded({ header: 'x-user-token', issuer: via, gateway: via })
      // @ts-expect-error -- proof is required
      plainHeaders({ headers: { subject: 'x-user' }, iss: 'https://people.example.com' })
      // @ts-expect-error -- no such binding rule
      forwarded({ header: 'x-user-token', issuer: via, gateway: via, bind: 'none' })
      // @ts-expect-error -- no symmetric algorithms
      issuer({ ...usual, algorithms: ['HS256'] })
      // @ts-expect-error -- entra has no tokens without an audience
      entra({ tenantId: 'x', audience: null })
      // @ts-expect-error -- secret is required
      sharedSecret({ header: 'x-gateway-secret' })
    }
    expectTypeOf(wrong).toBeFunction()
  })

  it('know every reason of a refusal', () => {
    const compared = ({ reason }: IdentityError, event: AuthenticatorEvent): void => {
      if (reason === 'expired' || reason === 'introspection_status_500') return
      if (reason === 'dpop_malformed_payload' || reason === 'own_badge_revoked') return
      // @ts-expect-error -- no such reason
      if (reason === 'token_expired') return
      // @ts-expect-error -- nor among events
      if (event.type === 'refused' && event.reason === 'binding_audience') return
      // @ts-expect-error -- and none can be made up
      throw new IdentityError('TOK', { reason: 'badge_revoked' })
    }
    expectTypeOf(compared).toBeFunction()
    expectTypeOf<'audience' | 'own_rule' | 'logout_jti'>().toExtend<RefusalReason>()
    expectTypeOf<string>().not.toExtend<RefusalReason>()
  })

  it('take the sources of every kind in one list', () => {
    expectTypeOf(direct({ issuer: via })).toEqualTypeOf<Source>()
    expectTypeOf(signedHeader({ header: 'x-assertion', issuer: via })).toEqualTypeOf<Source>()
    expectTypeOf(enriched({ issuer: via, userClaim: 'onBehalfOf' })).toEqualTypeOf<Source>()
  })
})
