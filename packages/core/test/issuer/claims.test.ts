import {
  type AuthenticatorEvent,
  type ClaimMap,
  type Claims,
  createAuthenticator,
  direct,
  firstOf,
  type Identity,
  IdentityError,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type DirectTokens, directTokens } from '../support/direct-tokens.ts'
import { expectRefused } from '../support/expect-refused.ts'
import {
  bearer,
  canary,
  clock,
  createPeople,
  createRecorder,
  type Party,
  resource,
} from '../support/world.ts'

let people: Party
let accepts: DirectTokens['accepts']
let expectReason: DirectTokens['expectReason']
let authenticate: DirectTokens['authenticate']

beforeAll(async () => {
  people = await createPeople()
  ;({ accepts, authenticate, expectReason } = directTokens(people))
})

/** The identity of a token, and what was reported while it was read. */
async function read(
  claims: Claims,
  claimMap: ClaimMap = {},
): Promise<{ readonly identity: Identity; readonly dropped: readonly AuthenticatorEvent[] }> {
  const { events, onEvent } = createRecorder()
  const sources = [direct({ issuer: people.issuer({ claimMap }) })]
  const authenticator = createAuthenticator({ resource, clock, sources, onEvent })
  const identity = await authenticator.authenticate(bearer(await people.token(claims)))
  return { identity, dropped: events.filter(({ type }) => type === 'claim_dropped') }
}

const dropped = (claim: string): readonly object[] => [{ type: 'claim_dropped', claim }]

describe('the subject', () => {
  it.each(['jane', 'auth0|42', 'jane@acme.example', ' ', 'ü', '__proto__', '42'])(
    'may be %j',
    async (sub) => {
      expect((await accepts({ sub })).subject).toBe(sub)
    },
  )

  it.each([undefined, null, '', 42, true, ['jane'], { sub: 'jane' }])('must not be %j', (sub) =>
    expectReason('subject', { sub }),
  )

  it('may stand elsewhere', async () => {
    const claimMap = { subject: 'oid' }
    expect((await accepts({ oid: 'o1' }, { claimMap })).subject).toBe('o1')
    await expectReason('subject', {}, { claimMap })
  })
})

describe('the kind of a caller', () => {
  it('is a person unless the subject is the client', async () => {
    expect((await accepts({})).kind).toBe('user')
    expect((await accepts({ client_id: undefined })).kind).toBe('user')
    expect((await accepts({ sub: 'web-client' })).kind).toBe('service')
    expect(
      (await accepts({ sub: 'web-client', client_id: undefined, azp: 'web-client' })).kind,
    ).toBe('service')
  })

  it.each([
    ['other claims look like a person', { username: 'jane', email: 'jane@acme.example' }, {}],
    ['the issuer says so', {}, { kind: 'user' as const }],
    [
      'the subject is read from elsewhere',
      { username: 'jane' },
      { claimMap: { subject: 'username' } },
    ],
  ])(
    'is a service when the token is for its own client, although %s',
    async (_, claims, options) => {
      const machine = { sub: 'web-client', client_id: 'web-client', ...claims }
      expect((await accepts(machine, options)).kind).toBe('service')
    },
  )

  it.each([
    ['spiffe://example.org/ns/billing/sa/worker', 'service'],
    ['SPIFFE://example.org/worker', 'service'],
    ['https://example.org/spiffe://worker', 'user'],
    ['spiffe', 'user'],
    ['repo:acme/app:ref:refs/heads/main', 'service'],
    ['repo:acme', 'user'],
    ['project_path:acme/tools/app:ref_type:branch:ref:main', 'service'],
    ['system:serviceaccount:default:agent', 'service'],
    ['system:admin', 'user'],
    ['arn:aws:iam::123456789012:role/Agent', 'service'],
    ['arn:aws-us-gov:sts::123456789012:assumed-role/Agent/run', 'service'],
    ['arn:aws:s3:::bucket', 'user'],
  ])('of the subject %s is %s', async (sub, kind) => {
    expect(await accepts({ sub })).toMatchObject({ subject: sub, kind })
    const options = { claimMap: { subject: 'alias' }, kind: 'user' } as const
    expect(await accepts({ alias: sub }, options)).toMatchObject({ kind })
  })

  it('is what the issuer says otherwise', async () => {
    const kind = (claims: Claims): unknown => claims['idtyp']
    expect((await accepts({ idtyp: 'service' }, { kind })).kind).toBe('service')
    expect((await accepts({ idtyp: 'user' }, { kind })).kind).toBe('user')
  })

  it('is service for all, or user for all, where the issuer is of one kind', async () => {
    expect((await accepts({}, { kind: 'service' })).kind).toBe('service')
    expect((await accepts({ client_id: undefined }, { kind: 'user' })).kind).toBe('user')
  })

  it('is not guessed where it follows from the client and there is none', () =>
    expectReason('kind_unknown', { client_id: undefined }, { kind: 'by-client' }))

  it.each([
    ['a subject of its own form', { repository_id: '74', run_id: '3068' }, 'service'],
    ['half of the marks', { repository_id: '74' }, 'user'],
    ['empty marks', { repository_id: '', run_id: '' }, 'user'],
  ])('of a job of GitHub Actions with %s', async (_, marks, kind) => {
    expect(await accepts({ sub: 'acme-release', ...marks })).toMatchObject({ kind })
  })

  it.each([undefined, null, 'app', 'User', true, ['user']])('must not be %j', (idtyp) =>
    expectReason('kind_unknown', { idtyp }, { kind: (claims) => claims['idtyp'] }),
  )
})

describe('scopes', () => {
  it.each([
    ['scope as text', { scope: 'a b' }, ['a', 'b']],
    ['scope with blanks', { scope: '  a   b ' }, ['a', 'b']],
    ['scope as a list', { scope: ['a', 'b'] }, ['a', 'b']],
    ['scp as text', { scope: undefined, scp: 'a b' }, ['a', 'b']],
    ['scp as a list', { scope: undefined, scp: ['a', 'b'] }, ['a', 'b']],
    ['both, in agreement', { scope: 'a b', scp: ['a', 'b'] }, ['a', 'b']],
    ['one twice', { scope: 'a b a' }, ['a', 'b']],
    ['empty text', { scope: '' }, []],
    ['null', { scope: null }, []],
    ['scp beside an empty scope', { scope: '', scp: ['a'] }, ['a']],
    ['scope beside scp that is null', { scope: 'a', scp: null }, ['a']],
    ['a list with null in it', { scope: ['a', null, ''] }, ['a']],
    ['none', { scope: undefined }, []],
    ['commas, which separate nothing', { scope: 'a,b' }, ['a,b']],
  ])('are read from %s', async (_, claims, scopes) => {
    expect(await read(claims)).toMatchObject({ identity: { scopes }, dropped: [] })
  })

  it.each([
    [{ scope: 7 }],
    [{ scope: { a: true } }],
    [{ scope: ['a', 7] }],
    [{ scope: ['a', ['b']] }],
    [{ scope: 'a', scp: 'b' }],
    [{ scope: 'a b', scp: ['b', 'a'] }],
  ])('are dropped as a whole, and the operator is notified, when they are %j', async (claims) => {
    expect(await read(claims)).toMatchObject({
      identity: { scopes: [] },
      dropped: dropped('scopes'),
    })
  })
})

describe('roles', () => {
  it.each([
    [
      ['admin', 'viewer'],
      ['admin', 'viewer'],
    ],
    ['admin', ['admin']],
    ['admin viewer', ['admin viewer']],
    ['admin,viewer', ['admin,viewer']],
    [['a', 'a', ''], ['a']],
    ['', []],
    [null, []],
    [['a', null], ['a']],
    [[], []],
    [undefined, []],
  ])('are read from %j as %j', async (roles, expected) => {
    expect(await read({ roles })).toMatchObject({ identity: { roles: expected }, dropped: [] })
  })

  it.each([[7], [true], [{ admin: true }], [['admin', 7]], [[['admin']]]])(
    'are dropped as a whole, and reported to the operator, when they are %j',
    async (roles) => {
      expect(await read({ roles })).toMatchObject({
        identity: { roles: [] },
        dropped: dropped('roles'),
      })
    },
  )
})

describe('a place of a claim', () => {
  const uri = 'https://acme.example/roles'

  it('is a name that is never split', async () => {
    const claims = { [uri]: ['a'], 'urn:x:a.b': ['b'], urn: { roles: ['c'] } }
    expect((await accepts(claims, { claimMap: { roles: uri } })).roles).toEqual(['a'])
    expect((await accepts(claims, { claimMap: { roles: 'urn:x:a.b' } })).roles).toEqual(['b'])
  })

  it('is a path of names, which leads through objects only', async () => {
    const roles = ['realm_access', 'roles']
    const nested = { realm_access: { roles: ['a'] } }
    expect((await accepts(nested, { claimMap: { roles } })).roles).toEqual(['a'])
    for (const realm_access of [undefined, null, 'roles', 7, [], [['a']], { roles: undefined }]) {
      expect((await accepts({ realm_access }, { claimMap: { roles } })).roles).toEqual([])
    }
  })

  it('is a function of all claims', async () => {
    const claimMap = { roles: (claims: Claims) => [`${String(claims['sub'])}-role`] }
    expect((await accepts({}, { claimMap })).roles).toEqual(['jane-role'])
  })

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    'is not a member of an object that is not there: %s',
    async (roles) => {
      expect((await accepts({}, { claimMap: { roles } })).roles).toEqual([])
      expect((await accepts({ a: {} }, { claimMap: { roles: ['a', roles] } })).roles).toEqual([])
    },
  )

  it('may refuse a token', () => {
    const claimMap = {
      roles: () => {
        throw new IdentityError('TOK', { reason: 'own_contractor' })
      },
    }
    return expectReason('own_contractor', {}, { claimMap })
  })

  it('is at fault for this server when it fails, and nothing of the claims shows', async () => {
    const claimMap = {
      roles: (claims: Claims) => {
        throw new Error(JSON.stringify(claims))
      },
    }
    const token = await people.token()
    await expectRefused(
      () => authenticate(token, { claimMap }),
      { code: 'DOWN', reason: 'claim_reader_failed' },
      token,
      canary,
    )
  })
})

describe('an e-mail address', () => {
  const email = 'jane@acme.example'

  it.each([true, 'true'])('is shown when email_verified is %j', async (email_verified) => {
    expect((await accepts({ email, email_verified })).claims).toMatchObject({ email })
  })

  it.each([
    [undefined, true],
    [null, true],
    ['', true],
    [true, true],
    [false, false],
    ['false', false],
    [0, false],
  ])(
    'of an issuer that vouches for addresses, with email_verified %j, is shown: %j',
    async (email_verified, isShown) => {
      const { claims } = await accepts({ email, email_verified }, { vouchesForEmail: true })
      expect('email' in claims).toBe(isShown)
    },
  )

  it.each([undefined, false, null, 'TRUE', ' true', '1', 1, 'false', '', ['true']])(
    'is not shown when email_verified is %j',
    async (email_verified) => {
      const { claims } = await accepts({ email, email_verified })
      expect('email' in claims).toBe(false)
      expect(claims).toMatchObject({ sub: 'jane', canary })
    },
  )

  it.each([[['jane@acme.example']], [7], [null], [{}]])(
    'is not shown when it is %j',
    async (value) => {
      expect('email' in (await accepts({ email: value, email_verified: true })).claims).toBe(false)
    },
  )
})

describe('an e-mail address that nobody verified', () => {
  const email = 'ceo@victim.example'
  const domainOf = (claims: Claims): unknown =>
    typeof claims['email'] === 'string' ? claims['email'].split('@')[1] : undefined

  it('is not a subject', () =>
    expectReason('subject', { email, email_verified: false }, { claimMap: { subject: 'email' } }))

  it('leaves the subject to the next place', async () => {
    const claimMap = { subject: firstOf('email', 'sub') }
    expect((await accepts({ email }, { claimMap })).subject).toBe('jane')
    expect((await accepts({ email, email_verified: true }, { claimMap })).subject).toBe(email)
  })

  it.each([
    ['organization', { organization: domainOf }],
    ['role', { roles: domainOf }],
    ['scope', { scopes: 'email' }],
    ['client', { client: 'email' }],
  ])('is no %s', async (_, claimMap) => {
    const identity = await accepts({ email }, { claimMap })
    expect(JSON.stringify(identity)).not.toContain('victim')
  })

  it('does not decide what a schema sees', () =>
    expectReason('claims_schema', { email }, { schema: z.object({ email: z.string() }) as never }))

  it('does not decide the kind', async () => {
    const kind = (claims: Claims): unknown => ('email' in claims ? 'user' : 'service')
    expect((await accepts({ email }, { kind })).kind).toBe('service')
  })

  it.each([
    [{ email }, ['email']],
    [{ email, email_verified: false }, ['email']],
    [{ email: ['a@b.example'], email_verified: true }, ['email']],
    [{ email, email_verified: true }, []],
    [{ email: '' }, []],
    [{ email: null }, []],
    [{}, []],
  ])('is reported when it is removed: %j', async (claims, dropped) => {
    const { events, onEvent } = createRecorder()
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, clock, sources, onEvent })
    await authenticator.authenticate(bearer(await people.token(claims)))
    const found = events.flatMap((event) => (event.type === 'claim_dropped' ? [event.claim] : []))
    expect(found).toEqual(dropped)
  })
})

describe('the actor', () => {
  it('is the outermost act, with the earlier ones behind it', async () => {
    const act = {
      sub: 'agent',
      iss: 'https://a.example',
      act: { sub: 'portal', act: { sub: 'app' } },
    }
    expect((await accepts({ act })).actor).toEqual({
      subject: 'agent',
      issuer: 'https://a.example',
      actor: { subject: 'portal', actor: { subject: 'app' } },
    })
  })

  it('is absent without act, even if a party may act', async () => {
    const identity = await accepts({ may_act: { sub: 'agent' } })
    expect('actor' in identity).toBe(false)
  })

  it.each([
    ['agent'],
    [[]],
    [[{ sub: 'agent' }]],
    [{}],
    [{ sub: '' }],
    [{ sub: 7 }],
    [{ client_id: 'agent' }],
    [{ sub: 'agent', act: 'portal' }],
    [{ sub: 'agent', act: { sub: 'portal', act: {} } }],
    [chain(9)],
  ])('refuses the token when act is %j', (act) => expectReason('bad_act', { act }))

  it.each([null, ''])('is absent when act is %j, at any depth', async (act) => {
    expect(await accepts({ act })).not.toHaveProperty('actor')
    expect(await accepts({ act: { sub: 'agent', act } })).toMatchObject({
      actor: { subject: 'agent' },
    })
  })

  it('may have seven behind it', async () => {
    expect((await accepts({ act: chain(8) })).actor).toMatchObject({ subject: 'actor-1' })
  })
})

function chain(length: number, at = 1): object {
  return { sub: `actor-${at}`, ...(at < length && { act: chain(length, at + 1) }) }
}
