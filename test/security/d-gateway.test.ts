import {
  createAuthenticator,
  direct,
  forwarded,
  type Issuer,
  memoryStore,
  plainHeaders,
  type Source,
  sharedSecret,
  signedHeader,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import {
  assertion,
  call,
  gatewayIssuer,
  gatewayName,
  gatewaySecret,
  goodCall,
  machineToken,
  peopleIssuer,
  peopleName,
  personToken,
  plainHeaderNames,
  startEnriched,
  startForwarded,
  startPlainHeaders,
  userHeader,
  whoIs,
} from './support/gateway.ts'
import type { Lines } from './support/http.ts'
import { createKey, signWith } from './support/keys.ts'
import { audience, now, resource } from './support/names.ts'
import { startServer } from './support/server.ts'
import type { Changes } from './support/token.ts'

const strangerKey = createKey('ES256')
const forged = { sign: signWith(strangerKey) }

describe('D1 a user token without the gateway', () => {
  const rows: readonly (readonly [string, Lines])[] = [
    ['only the user header', call({ person: personToken() })],
    ['with the scheme in front', [[userHeader, `Bearer ${personToken()}`]]],
    [
      'beside Basic',
      [
        ['authorization', 'Basic YTpi'],
        [userHeader, personToken()],
      ],
    ],
  ]

  it.each(rows)('D1 refuses a user token that no gateway brings: %s', async (_variant, lines) => {
    const server = await startForwarded()
    await expectRefused(server, lines, { code: 'MISSING', reason: 'gateway_missing' })
  })
})

describe('D2 the gateway without a user token', () => {
  it('D2 refuses the gateway alone where a user is required', async () => {
    const server = await startForwarded()
    const lines = call({ machine: machineToken() })
    await expectRefused(server, lines, { code: 'MISSING', reason: 'obo_missing' })
  })

  it('D2 refuses an empty user header', async () => {
    const server = await startForwarded({ gatewayMayList: true })
    const lines: Lines = [...call({ machine: machineToken() }), [userHeader, '']]
    await expectRefused(server, lines, { code: 'REQ', reason: 'header_shape' })
  })

  it('D2 calls the gateway alone a service where that is allowed', async () => {
    const server = await startForwarded({ gatewayMayList: true })
    await expectAccepted(server, call({ machine: machineToken() }))
    expect(whoIs(server.handled.at(-1))).toEqual({
      kind: 'service',
      issuer: gatewayName,
      subject: 'gateway-a',
      client: 'gateway-a',
      gateway: 'gateway-a',
      source: 'forwarded',
    })
  })

  it('D2 shows no unverified address of a service', async () => {
    const server = await startForwarded({ gatewayMayList: true })
    const machine = machineToken({ email: 'ops@victim.example' })
    await expectAccepted(server, call({ machine }))
    expect(JSON.stringify(server.handled)).not.toContain('victim')
  })
})

describe('D3 a user token for another gateway', () => {
  const other = { client_id: 'gateway-b', act: { sub: 'gateway-b', iss: gatewayName } }
  const rows: readonly (readonly [string, Changes, string])[] = [
    ['client_id names gateway B', { client_id: 'gateway-b' }, 'binding_client'],
    ['azp names gateway B', { client_id: undefined, azp: 'gateway-b' }, 'binding_client'],
    ['no client', { client_id: undefined }, 'binding_client'],
    ['act names gateway B', { act: { sub: 'gateway-b' } }, 'binding_actor'],
    ['both name gateway B', other, 'binding_client'],
    ['a prefix of the client', { client_id: 'gateway' }, 'binding_client'],
    ['another case', { client_id: 'Gateway-A' }, 'binding_client'],
  ]

  it.each(rows)('D3 refuses a user token of another gateway: %s', async (_v, claims, reason) => {
    const server = await startForwarded()
    const lines = call({ machine: machineToken(), person: personToken(claims) })
    await expectRefused(server, lines, { code: 'BIND', reason })
  })

  it('D3 refuses a user token whose client is a list', async () => {
    const server = await startForwarded()
    const person = personToken({ client_id: ['gateway-a'] })
    const lines = call({ machine: machineToken(), person })
    await expectRefused(server, lines, { code: 'TOK', reason: 'client' })
  })

  it("D3 refuses gateway A's user token in the hands of gateway B", async () => {
    const server = await startForwarded()
    const machine = machineToken({ client_id: 'gateway-b' })
    const lines = call({ machine, person: personToken() })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_client' })
    await expectAccepted(server, call({ machine, person: personToken(other) }))
  })

  it('D3 refuses a machine that is not a gateway', async () => {
    const server = await startForwarded()
    const machine = machineToken({ client_id: 'reporting' })
    const lines = call({ machine, person: personToken({ client_id: 'reporting' }) })
    await expectRefused(server, lines, { code: 'TOK', reason: 'client' })
  })
})

describe('D4 the actor', () => {
  const gateway = { sub: 'gateway-a', iss: gatewayName }
  const rows: readonly (readonly [string, Changes])[] = [
    ['absent', { act: undefined }],
    ['null', { act: null }],
    ['somebody else', { act: { sub: 'eve' } }],
    ['the gateway only inside', { act: { sub: 'eve', act: gateway } }],
    ['the gateway two levels down', { act: { sub: 'x', act: { sub: 'y', act: gateway } } }],
    ['an array', { act: [gateway] }],
    ['text', { act: 'gateway-a' }],
    ['no sub', { act: { client_id: 'gateway-a' } }],
    ['an empty object', { act: {} }],
    ['sub in an array', { act: { sub: ['gateway-a'] } }],
    ['a client of that name at the issuer of the token', { act: { sub: 'gateway-a' } }],
    ['the same, by name', { act: { ...gateway, iss: peopleName } }],
    ['the gateway of another issuer', { act: { ...gateway, iss: 'https://evil.example' } }],
    ['may_act in its place', { act: undefined, may_act: gateway }],
    ['may_act beside another', { act: { sub: 'eve' }, may_act: gateway }],
  ]

  it.each(rows)('D4 refuses an actor that is not the gateway: %s', async (_variant, claims) => {
    const server = await startForwarded({ bind: 'actor' })
    const lines = call({ machine: machineToken(), person: personToken(claims) })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_actor' })
  })

  it('D4 gives authority to the outermost actor alone', async () => {
    const server = await startForwarded({ bind: 'actor' })
    const act = { sub: 'gateway-a', iss: gatewayName, act: { sub: 'root' } }
    await expectAccepted(server, call({ machine: machineToken(), person: personToken({ act }) }))
    expect(server.handled.at(-1)?.actor).toEqual({
      subject: 'gateway-a',
      issuer: gatewayName,
      actor: { subject: 'root' },
    })
  })
})

describe('D5 the audience of two tokens', () => {
  const other = { aud: 'https://other.example/mcp' }
  const none = { aud: undefined }
  const rows: readonly (readonly [string, Changes, Changes, string])[] = [
    ['the user token is for the gateway', {}, { aud: 'https://gateway.example' }, 'audience'],
    ['the user token is for another server', {}, other, 'audience'],
    ['the user token has none', {}, none, 'audience_missing'],
    ['the machine token is for another server', other, {}, 'audience'],
    ['the machine token has none', none, {}, 'audience_missing'],
    ['each is for another party', { aud: 'https://a.example' }, other, 'audience'],
  ]

  it.each(rows)(
    'D5 refuses two tokens of which one is not for us: %s',
    async (_v, machine, person, reason) => {
      const server = await startForwarded()
      const lines = call({ machine: machineToken(machine), person: personToken(person) })
      await expectRefused(server, lines, { code: 'TOK', reason })
    },
  )
})

describe('D6 tokens in the place of each other', () => {
  const swapped = call({ machine: personToken(), person: machineToken() })
  const misplaced = { code: 'BIND', reason: 'binding_roles_swapped' } as const

  it('D6 refuses user and machine token exchanged', async () => {
    await expectRefused(await startForwarded(), swapped, misplaced)
  })

  it.each([
    ['two user tokens', call({ machine: personToken(), person: personToken({ sub: 'eve' }) })],
    ['two machine tokens', call({ machine: machineToken(), person: machineToken({ jti: '2' }) })],
    [
      'two machines',
      call({ machine: machineToken(), person: machineToken({ client_id: 'gateway-b' }) }),
    ],
  ])('D6 refuses two tokens of one kind: %s', async (_variant, lines) => {
    await expectRefused(await startForwarded(), lines, misplaced)
  })

  it.each([
    ['exchanged', { sub: 'ada' }, { sub: 'gateway-a' }],
    ['two of users', { sub: 'ada' }, { sub: 'eve' }],
    ['two of machines', { sub: 'gateway-a' }, { sub: 'gateway-a', jti: '2' }],
  ])(
    'D6 distinguishes the two where one issuer makes both: %s',
    async (_variant, first, second) => {
      const one = gatewayIssuer({ clients: 'gateway-a' })
      const person = (claims: Changes): string =>
        machineToken({ client_id: 'gateway-a', ...claims })
      const good = call({ machine: machineToken(), person: person({ sub: 'ada' }) })
      const server = await startForwarded({ issuer: one, gateway: one, bind: 'client' }, good)
      const lines = call({ machine: person(first), person: person(second) })
      await expectRefused(server, lines, misplaced)
    },
  )
})

describe('D7 one token twice', () => {
  it.each([
    ['the machine token', machineToken()],
    ['the user token', personToken()],
    ['a token that is not sound', machineToken({ exp: now - 3600 })],
  ])('D7 refuses the same token in both headers: %s', async (_variant, token) => {
    const server = await startForwarded()
    const lines = call({ machine: token, person: token })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_same_token' })
  })
})

describe('D8 two tenants', () => {
  const claimMap = { organization: 'tid' }
  const options = {
    issuer: peopleIssuer({ claimMap }),
    gateway: gatewayIssuer({ claimMap }),
    bind: 'client',
  } as const
  const good = call({ machine: machineToken({ tid: 't1' }), person: personToken({ tid: 't1' }) })

  it('D8 lets a user act in the tenants of the gateway only', async () => {
    const server = await startForwarded(options, good)
    const person = personToken({ tid: ['t1', 't2'] })
    await expectAccepted(server, call({ machine: machineToken({ tid: 't1' }), person }))
    expect(server.handled.at(-1)?.organizations).toEqual([{ id: 't1', roles: [] }])
  })

  it.each([
    ['T1 and T2', 't2'],
    ['T1 and none', undefined],
    ['another case', 'T1'],
    ['a list without it', ['t2', 't3']],
    ['an object', { id: { id: 't1' } }],
  ])('D8 refuses a user of another tenant than the gateway: %s', async (_variant, tid) => {
    const server = await startForwarded(options, good)
    const lines = call({ machine: machineToken({ tid: 't1' }), person: personToken({ tid }) })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_tenant' })
  })
})

describe('D9 how long and how often', () => {
  it.each([
    ['24 hours beyond its time', { exp: now + 300 + 86_400 }, 'lifetime'],
    ['expired', { exp: now - 31, iat: now - 600 }, 'expired'],
    ['not yet valid', { nbf: now + 31 }, 'not_yet_valid'],
    ['issued in the future', { iat: now + 31 }, 'bad_iat'],
  ])('D9 refuses a user token outside its time: %s', async (_variant, claims, reason) => {
    const server = await startForwarded()
    const lines = call({ machine: machineToken(), person: personToken(claims) })
    await expectRefused(server, lines, { code: 'TOK', reason })
  })

  it('D9 bounds the lifetime of user tokens by configuration', async () => {
    const server = await startForwarded({ issuer: peopleIssuer({ maxLifetimeSeconds: 600 }) })
    const lines = (exp: number): Lines =>
      call({ machine: machineToken(), person: personToken({ exp }) })
    await expectAccepted(server, lines(now + 600))
    await expectRefused(server, lines(now + 631), { code: 'TOK', reason: 'lifetime' })
  })

  it('D9 lets the identity expire with the first of both tokens', async () => {
    const server = await startForwarded()
    for (const [machine, person] of [
      [120, 7200],
      [7200, 120],
    ] as const) {
      const exp = (seconds: number): Changes => ({ exp: now + seconds })
      const lines = { machine: machineToken(exp(machine)), person: personToken(exp(person)) }
      await expectAccepted(server, call(lines))
      expect(server.handled.at(-1)?.expiresAt).toBe(now + 120)
    }
  })

  it('D9 refuses a user token that another client replays', async () => {
    const server = await startForwarded()
    await expectAccepted(server, goodCall())
    const machine = machineToken({ client_id: 'gateway-b', jti: 'other' })
    const lines = call({ machine, person: personToken() })
    await expectRefused(server, lines, { code: 'BIND', reason: 'binding_client' })
  })

  it('D9 keeps a user token to the gateway that presented it first, where a store is given', async () => {
    const server = await startForwarded({ bind: 'trust-gateway', presented: memoryStore() })
    const other = machineToken({ client_id: 'gateway-b', jti: 'other' })
    await expectAccepted(server, goodCall())
    await expectAccepted(server, goodCall())
    await expectRefused(server, call({ machine: other, person: personToken() }), {
      code: 'TOK',
      reason: 'replayed',
    })
    const own = call({ machine: other, person: personToken({ jti: 'token-2' }) })
    await expectAccepted(server, own)
  })

  it('D9 refuses a user token without an id, where its first use has to be kept', async () => {
    const server = await startForwarded({ bind: 'trust-gateway', presented: memoryStore() })
    const lines = call({ machine: machineToken(), person: personToken({ jti: undefined }) })
    await expectRefused(server, lines, { code: 'TOK', reason: 'jti_missing' })
  })

  it('D9 answers 503 when the store cannot tell who came first', async () => {
    const down = (): Promise<never> => Promise.reject(new Error('connection refused'))
    const presented = { add: down, set: down, get: down }
    const server = { ...(await startForwarded({ presented })), good: undefined }
    await expectRefused(server, goodCall(), { code: 'DOWN', reason: 'store_unavailable' })
  })

  it('D9 refuses a token that was revoked after a replay was noticed', async () => {
    const server = { ...(await startForwarded()), good: undefined }
    await expectAccepted(server, goodCall())
    await server.authenticator.revoke({ issuer: peopleName, tokenId: 'token-1' })
    await expectRefused(server, goodCall(), { code: 'TOK', reason: 'revoked' })
  })
})

describe('D10 enrichment by a client that is not a gateway', () => {
  const person = { sub: 'ada', org_id: 'acme', roles: ['admin'] }
  const rows: readonly (readonly [string, Changes])[] = [
    ['the claim as an object', { onBehalfOf: person }],
    ['the claim as text', { onBehalfOf: JSON.stringify(person) }],
    ['other claims of that kind', { on_behalf_of: 'ada', user_id: 'ada', obo: person }],
  ]

  it.each(rows)('D10 takes an ordinary client for itself: %s', async (_variant, claims) => {
    const server = await startEnriched({ userClaim: 'onBehalfOf' })
    const lines = call({ machine: machineToken({ client_id: 'reporting', ...claims }) })
    await expectAccepted(server, lines)
    const [identity] = server.handled
    expect(whoIs(identity)).toMatchObject({ kind: 'service', subject: 'reporting' })
    expect(identity).toMatchObject({ roles: [], organizations: [] })
  })

  it('D10 takes the gateway for the user it names', async () => {
    const server = await startEnriched({ userClaim: 'onBehalfOf' })
    await expectAccepted(server, call({ machine: machineToken({ onBehalfOf: person }) }))
    expect(whoIs(server.handled[0])).toMatchObject({ kind: 'user', subject: 'ada' })
  })

  it('D10 refuses a client that the issuer does not list at all', async () => {
    const server = await startEnriched({ userClaim: 'onBehalfOf' })
    const lines = call({ machine: machineToken({ client_id: 'eve', onBehalfOf: person }) })
    await expectRefused(server, lines, { code: 'TOK', reason: 'client' })
  })

  it('D10 reads no flat claims of an ordinary client', async () => {
    const server = await startEnriched({ claimMap: { subject: 'user_id', issuer: 'user_iss' } })
    const claims = { user_id: 'ada', user_iss: peopleName }
    await expectAccepted(
      server,
      call({ machine: machineToken({ client_id: 'reporting', ...claims }) }),
    )
    await expectAccepted(server, call({ machine: machineToken(claims) }))
    expect(server.handled.map(whoIs)).toMatchObject([
      { kind: 'service', subject: 'reporting' },
      { kind: 'user', subject: 'ada', issuer: peopleName },
    ])
  })
})

describe('D11 the shape of the enriched claim', () => {
  const person = { sub: 'ada', org_id: 'acme' }
  const json = JSON.stringify(person)
  const bad: readonly (readonly [string, unknown])[] = [
    ['an array', [person]],
    ['an array of text', ['ada']],
    ['comma-separated', 'sub,ada,org,acme'],
    ['URL-encoded', encodeURIComponent(json)],
    ['form-encoded', 'sub=ada&org_id=acme'],
    ['plain text', 'ada'],
    ['base64url', Buffer.from(json).toString('base64url')],
    ['JSON of an array', `[${json}]`],
    ['JSON of text', JSON.stringify('ada')],
    ['JSON twice', JSON.stringify(json)],
    ['JSON with a duplicate member', '{"sub":"ada","sub":"eve"}'],
    ['JSON with a byte order mark', `\uFEFF${json}`],
    ['JSON of more than 4096 characters', JSON.stringify({ ...person, x: 'x'.repeat(4096) })],
    ['JSON that is too deep', `{"sub":"ada","x":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['a number', 7],
    ['true', true],
    ['an object without a subject', { org_id: 'acme' }],
    ['an object with a subject of another type', { sub: ['ada'] }],
    ['JSON without a subject', '{"org_id":"acme"}'],
  ]

  it.each(bad)(
    'D11 refuses a user in a shape that nobody agreed on: %s',
    async (_v, onBehalfOf) => {
      const server = await startEnriched({ userClaim: 'onBehalfOf' })
      const lines = call({ machine: machineToken({ onBehalfOf }) })
      await expectRefused(server, lines, { code: 'TOK', reason: 'enriched_claim' })
    },
  )

  it.each([
    ['absent', undefined],
    ['null', null],
    ['an empty object', {}],
    ['empty text', ''],
    ['JSON of an empty object', '{}'],
  ])('D11 takes an empty claim for nobody: %s', async (_variant, onBehalfOf) => {
    const server = await startEnriched({ userClaim: 'onBehalfOf' })
    const lines = call({ machine: machineToken({ onBehalfOf }) })
    await expectRefused(server, lines, { code: 'MISSING', reason: 'obo_missing' })
  })

  it.each([
    ['an object', person],
    ['JSON text', json],
  ])('D11 accepts a user in the agreed shape: %s', async (_variant, onBehalfOf) => {
    const server = await startEnriched({ userClaim: 'onBehalfOf' })
    await expectAccepted(server, call({ machine: machineToken({ onBehalfOf }) }))
    expect(server.handled[0]).toMatchObject({ subject: 'ada', organization: { id: 'acme' } })
  })

  it('D11 holds the user to the schema', async () => {
    const validate = (value: unknown) =>
      (value as { level?: unknown }).level === 'high'
        ? { value }
        : { issues: [{ message: `not high: ${JSON.stringify(value)}` }] }
    const claims = { '~standard': { version: 1, vendor: 'test', validate } } as const
    const server = await startEnriched({ userClaim: 'onBehalfOf', schema: claims })
    const lines = (level: string): Lines =>
      call({ machine: machineToken({ onBehalfOf: { ...person, level } }) })
    await expectRefused(server, lines('low'), { code: 'TOK', reason: 'claims_schema' })
    await expectAccepted(server, lines('high'))
  })
})

describe('D12 one bad token of two', () => {
  const expired = { exp: now - 3600, iat: now - 7200 }
  const rows: readonly (readonly [string, Lines, string])[] = [
    [
      'forged user',
      call({ machine: machineToken(), person: personToken({}, forged) }),
      'signature',
    ],
    [
      'forged machine',
      call({ machine: machineToken({}, forged), person: personToken() }),
      'signature',
    ],
    ['expired user', call({ machine: machineToken(), person: personToken(expired) }), 'expired'],
    ['expired machine', call({ machine: machineToken(expired), person: personToken() }), 'expired'],
    [
      'user of an unknown issuer',
      call({ machine: machineToken(), person: personToken({ iss: 'https://evil.example' }) }),
      'issuer_unknown',
    ],
    [
      'machine of an unknown issuer',
      call({ machine: machineToken({ iss: 'https://evil.example' }), person: personToken() }),
      'issuer_unknown',
    ],
    ['malformed user', call({ machine: machineToken(), person: 'a.b.c' }), 'malformed_base64url'],
    ['malformed machine', call({ machine: 'a.b', person: personToken() }), 'opaque_token'],
  ]

  it.each(rows)(
    'D12 refuses a good token beside a bad one: %s',
    async (_variant, lines, reason) => {
      await expectRefused(await startForwarded(), lines, { code: 'TOK', reason })
    },
  )

  it('D12 does not fall back to a weaker source', async () => {
    const people = peopleIssuer()
    const via = gatewayIssuer()
    const server = await startServer({
      sources: [
        forwarded({ header: userHeader, issuer: people, gateway: via, bind: 'client' }),
        direct({ issuer: people }),
        direct({ issuer: via }),
      ],
      good: goodCall(),
    })
    await expectAccepted(server, call({ machine: machineToken() }))
    const bad = call({ machine: machineToken(), person: personToken({}, forged) })
    await expectRefused(server, bad, { code: 'TOK', reason: 'signature' })
    const unread = call({
      machine: machineToken(),
      person: personToken({ iss: 'https://x.example' }),
    })
    await expectRefused(server, unread, { code: 'TOK', reason: 'credential_not_understood' })
  })
})

describe('D13 one audience for many deployments', () => {
  const shared = { audience: 'mcp' }
  const tokens = { aud: 'mcp' }
  const good = call({ machine: machineToken(tokens), person: personToken(tokens) })
  const start = () =>
    startForwarded({ issuer: peopleIssuer(shared), gateway: gatewayIssuer(shared) }, good)

  it.each([
    ['another gateway, another issuer', { iss: 'https://gateway-2.example' }, 'issuer_unknown'],
    ['another gateway of the issuer', { client_id: 'gateway-2' }, 'client'],
    ['the audience of deployment 2', { aud: 'mcp-2' }, 'audience'],
    ['an audience of which ours is a part', { aud: 'mcp mcp-2' }, 'audience'],
  ])('D13 refuses the token of another deployment: %s', async (_variant, claims, reason) => {
    const lines = call({
      machine: machineToken({ ...tokens, ...claims }),
      person: personToken(tokens),
    })
    await expectRefused(await start(), lines, { code: 'TOK', reason })
  })

  it('D13 refuses the token of a deployment that shares issuer name and audience', async () => {
    const machine = machineToken(tokens, forged)
    const lines = call({ machine, person: personToken(tokens) })
    await expectRefused(await start(), lines, { code: 'TOK', reason: 'signature' })
  })
})

describe('D14 a shared secret', () => {
  const flip = (at: number): string => {
    const bytes = Buffer.from(gatewaySecret)
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes.toString('latin1')
  }
  const wrong = [
    ['a prefix', gatewaySecret.slice(0, -1)],
    ['one character more', `${gatewaySecret}0`],
    ['one bit off at the start', flip(0)],
    ['one bit off at the end', flip(gatewaySecret.length - 1)],
    ['another case', gatewaySecret.toUpperCase()],
    ['quoted', `"${gatewaySecret}"`],
    ['one character', 'c'],
    ['longer than any header should be', 'c'.repeat(8000)],
    ['a list that contains it', `x, ${gatewaySecret}`],
    ['empty', ''],
  ] as const

  it.each(wrong)('D14 refuses a secret that is not exactly ours: %s', async (_variant, secret) => {
    const server = await startPlainHeaders()
    await expectRefused(server, assertion(secret), { code: 'MISSING', reason: 'proof_secret' })
  })

  it('D14 refuses plain headers without the secret', async () => {
    const server = await startPlainHeaders()
    const answer = await server.send(assertion(undefined))
    expect([answer.status, server.handled.length]).toEqual([401, 0])
    expect(server.events.at(-1)).toMatchObject({ type: 'refused', code: 'MISSING' })
  })

  it('D14 refuses the secret twice', async () => {
    const server = await startPlainHeaders()
    const lines: Lines = [...assertion(gatewaySecret), ['x-gateway-secret', gatewaySecret]]
    await expectRefused(server, lines, { code: 'REQ', reason: 'duplicate_header' })
  })

  it('D14 cannot be configured with a secret that can be guessed, or with no proof', () => {
    expect(() => sharedSecret({ header: 'x-s', secret: 'short' })).toThrow(TypeError)
    expect(() => sharedSecret({ header: 'x-s', secret: '' })).toThrow(TypeError)
    const options = { headers: plainHeaderNames, iss: gatewayName }
    expect(() => plainHeaders({ ...options, proof: undefined as never })).toThrow(TypeError)
  })
})

describe('D15 a name with something invisible in it', () => {
  const invisible = [
    '\u200b',
    '\u200d',
    '\u202e',
    '\u2066',
    '\ufeff',
    '\u00ad',
    '\u3164',
    '\u{e0061}',
  ]
  const rows = invisible.flatMap((char) => ['x-user', 'x-org'].map((name) => [name, char] as const))

  it.each(rows)(
    'D15 refuses a plain header with an invisible character: %s %j',
    async (at, char) => {
      const server = await startPlainHeaders()
      const lines = assertion(gatewaySecret).map(([name, value]) => {
        const hidden = Buffer.from(`${value.slice(0, 2)}${char}${value.slice(2)}`).toString(
          'latin1',
        )
        return [name, name === at ? hidden : value] as const
      })
      await expectRefused(server, lines, { code: 'TOK', reason: 'headers_value' })
    },
  )
})

describe('D16 two issuers of one name for one header', () => {
  const twice = (source: (issuer: Issuer) => Source) => {
    const issuers = [peopleIssuer(), peopleIssuer({ audience: 'https://other.example' })]
    return issuers.map((issuer) => source(issuer as Issuer))
  }

  it.each([
    ['tokens', twice((issuer) => direct({ issuer }))],
    ['assertions', twice((issuer) => signedHeader({ header: 'x-assertion', issuer }))],
  ])('D16 cannot be configured for: %s', (_kind, sources) => {
    expect(() => createAuthenticator({ resource, sources })).toThrow('two issuers of the name')
  })
})

it('D5 accepts a user token for the gateway only where the operator says so', async () => {
  const issuerOfPeople = peopleIssuer({ audience: 'https://gateway.example' })
  const person = personToken({ aud: 'https://gateway.example' })
  const good = call({ machine: machineToken(), person })
  const server = await startForwarded({ issuer: issuerOfPeople, bind: 'trust-gateway' }, good)
  await expectAccepted(server, good)
  const lines = call({ machine: machineToken(), person: personToken({ aud: audience }) })
  await expectRefused(server, lines, { code: 'TOK', reason: 'audience' })
})
