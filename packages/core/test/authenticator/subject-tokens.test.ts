import { inspect } from 'node:util'
import {
  type AuditTrail,
  createAuthenticator,
  direct,
  enriched,
  forwarded,
  type Identity,
  plainHeaders,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import { narrow } from '@onbehalf/core/guards'
import { keepSubjectTokens } from '@onbehalf/core/internal'
import { beforeAll, describe, expect, it } from 'vitest'
import { thrownBy } from '../support/expect-refused.ts'
import {
  bearer,
  clock,
  createGateway,
  createPeople,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'

let people: Party
let gateway: Party
beforeAll(async () => {
  ;[people, gateway] = await Promise.all([createPeople(), createGateway()])
})

const userHeader = 'x-user-token'

function createWorld(sources: readonly Source[] = [direct({ issuer: people.issuer() })]) {
  const authenticator = createAuthenticator({ resource, clock, sources })
  return { authenticator, subjectTokens: keepSubjectTokens(authenticator) }
}

describe("a subject's token", () => {
  it('is kept only after someone asked the authenticator to keep it', async () => {
    const authenticator = createAuthenticator({
      resource,
      clock,
      sources: [direct({ issuer: people.issuer() })],
    })
    const request = bearer(await people.token())
    const before = await authenticator.authenticate(request)
    const subjectTokens = keepSubjectTokens(authenticator)
    expect(subjectTokens.of(before)).toBeUndefined()
    expect(subjectTokens.of(await authenticator.authenticate(request))?.token).toBe(
      request.headers['authorization']?.slice('Bearer '.length),
    )
  })

  it('is the one of the user where a gateway forwards it', async () => {
    const source = forwarded({
      header: userHeader,
      issuer: people.issuer(),
      gateway: gateway.issuer(),
      bind: 'audience',
    })
    const { authenticator, subjectTokens } = createWorld([source])
    const user = await people.token()
    const request = bearer(await gateway.token(), { [userHeader]: user })
    expect(subjectTokens.of(await authenticator.authenticate(request))?.token).toBe(user)
  })

  it("is a proxy's assertion where a proxy signs one", async () => {
    const source = signedHeader({ header: userHeader, issuer: people.issuer() })
    const { authenticator, subjectTokens } = createWorld([source])
    const user = await people.token()
    const identity = await authenticator.authenticate({ headers: { [userHeader]: user } })
    expect(subjectTokens.of(identity)?.token).toBe(user)
  })

  it('is never the token of a gateway that is alone', async () => {
    const source = forwarded({
      header: userHeader,
      issuer: people.issuer(),
      gateway: gateway.issuer(),
      bind: 'audience',
      gatewayMayList: true,
    })
    const { authenticator, subjectTokens } = createWorld([source])
    const identity = await authenticator.authenticate(bearer(await gateway.token()))
    expect(identity.kind).toBe('service')
    expect(subjectTokens.of(identity)).toMatchObject({ token: undefined })
  })

  it('is never the machine token that carries a user', async () => {
    const source = enriched({ issuer: gateway.issuer(), userClaim: 'user' })
    const { authenticator, subjectTokens } = createWorld([source])
    const token = await gateway.token({ user: { sub: 'jane' } })
    const identity = await authenticator.authenticate(bearer(token))
    expect(identity.subject).toBe('jane')
    expect(subjectTokens.of(identity)).toMatchObject({ token: undefined })
  })

  it('is announced per source', () => {
    const headers = plainHeaders({
      headers: { subject: 'x-user' },
      iss: peopleIssuer,
      proof: sharedSecret({ header: 'x-secret', secret: 'a-secret-of-at-least-32-characters' }),
    })
    const { subjectTokens } = createWorld([direct({ issuer: people.issuer() }), headers])
    expect(subjectTokens.sources).toEqual([
      { kind: 'direct', carriesToken: true },
      { kind: 'plainHeaders', carriesToken: false },
    ])
  })
})

describe("where a subject's token can be seen", () => {
  it('is nowhere on what handlers, logs and records get', async () => {
    const { authenticator } = createWorld()
    const token = await people.token()
    const identity = await authenticator.authenticate(bearer(token))
    const info = createAuthInfo(identity, authenticator)
    const seen = [
      JSON.stringify([identity, info, authenticator]),
      inspect([identity, info, authenticator], { depth: 20, showHidden: true, getters: true }),
      JSON.stringify(Reflect.ownKeys(identity).map(String)),
      String(Reflect.ownKeys(info).map(String)),
    ].join('\n')
    expect(seen).toContain('jane')
    expect(seen).not.toContain(token)
    for (const part of token.split('.')) expect(seen).not.toContain(part)
  })

  it('is nowhere in a refusal and its record', async () => {
    const recorded: unknown[] = []
    const audit = { refusal: async (call: unknown) => void recorded.push(call) }
    const authenticator = createAuthenticator({
      resource,
      clock,
      audit: audit as unknown as AuditTrail,
      sources: [direct({ issuer: people.issuer() })],
    })
    keepSubjectTokens(authenticator)
    const token = await people.token({ aud: 'https://other.example.com' })
    const error = await thrownBy(() => authenticator.authenticate(bearer(token)))
    const seen = inspect([error, recorded], { depth: 20, showHidden: true, getters: true })
    expect(recorded).toHaveLength(1)
    expect(seen).not.toContain(token)
  })

  it('does not survive a copy of the identity', async () => {
    const { authenticator, subjectTokens } = createWorld()
    const identity = await authenticator.authenticate(bearer(await people.token()))
    expect(subjectTokens.of({ ...identity })).toBeUndefined()
    expect(subjectTokens.of(structuredClone(identity) as Identity)).toBeUndefined()
  })

  it('is unknown to another authenticator', async () => {
    const [one, other] = [createWorld(), createWorld()]
    const identity = await one.authenticator.authenticate(bearer(await people.token()))
    expect(one.subjectTokens.of(identity)).toBeDefined()
    expect(other.subjectTokens.of(identity)).toBeUndefined()
  })

  it('is refused to what only looks like an authenticator', () => {
    const { authenticator } = createWorld()
    expect(() => keepSubjectTokens({ ...authenticator })).toThrow(TypeError)
  })
})

describe("a request's token", () => {
  it('stays with its request', async () => {
    const { authenticator, subjectTokens } = createWorld()
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, at) => people.token({ sub: `user-${at}`, jti: `t-${at}` })),
    )
    const identities = await Promise.all(
      tokens.map((token) => authenticator.authenticate(bearer(token))),
    )
    expect(identities.map((identity) => subjectTokens.of(identity)?.token)).toEqual(tokens)
  })

  it('belongs to another object for every request of one credential', async () => {
    const { authenticator } = createWorld()
    const request = bearer(await people.token())
    const one = await authenticator.authenticate(request)
    const other = await authenticator.authenticate(request)
    expect(one).not.toBe(other)
    expect(one).toEqual(other)
    expect(Object.isFrozen(one)).toBe(true)
    expect(Object.getPrototypeOf(one)).toBeNull()
  })

  it('reaches the identity that a guard narrowed', async () => {
    const issuer = people.issuer({ claimMap: { organization: 'tenants' } })
    const { authenticator, subjectTokens } = createWorld([direct({ issuer })])
    const token = await people.token({ tenants: ['acme', 'umbrella'] })
    const identity = await authenticator.authenticate(bearer(token))
    expect(identity.organization).toBeUndefined()
    const narrowed = narrow(identity, { effect: 'allow', organization: 'umbrella' })
    expect(narrowed.organization?.id).toBe('umbrella')
    expect(subjectTokens.of(narrowed)?.token).toBe(token)
  })

  it('can be asked whether it was revoked', async () => {
    const { authenticator, subjectTokens } = createWorld()
    const identity = await authenticator.authenticate(bearer(await people.token()))
    const { revocable } = subjectTokens.of(identity) ?? {}
    if (revocable === undefined) throw new Error('nothing was kept')
    expect(subjectTokens.checkRevoked(revocable)).toBeUndefined()
    await authenticator.revoke(identity)
    expect(await thrownBy(() => subjectTokens.checkRevoked(revocable))).toMatchObject({
      reason: 'revoked',
    })
  })
})
