import { createHash } from 'node:crypto'
import {
  type CredentialRequest,
  clientCertificate,
  createAuthenticator,
  type GatewayProof,
  gatewayToken,
  type Identity,
  type PlainHeaderNames,
  type PlainHeadersOptions,
  plainHeaders,
  sharedSecret,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import {
  canary,
  clock,
  createGateway,
  gatewayClient,
  gatewayIssuer,
  now,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'

const secret = 'only-the-gateway-and-this-server-know'
const certificate = new TextEncoder().encode('DER of the certificate of the gateway')
const fingerprint = createHash('sha256').update(certificate).digest('hex')
const headers = { subject: 'X-User', organization: 'X-Org', roles: 'X-Roles' }

let gateway: Party
let token: string
beforeAll(async () => {
  gateway = await createGateway()
  token = await gateway.token()
})

/** What Node hands out for a header that was written in UTF-8: a character for each octet. */
const octets = (text: string): string => Buffer.from(text).toString('latin1')

type Values = Readonly<Record<string, string>>
interface Proving {
  readonly proof: () => GatewayProof
  readonly request: (values: Values) => CredentialRequest
  readonly gateway: object
  readonly expiresAt: number
}

/** Each way to prove, and what a request that proves looks like. */
const proofs: readonly (readonly [string, Proving])[] = [
  [
    'its token',
    {
      proof: () => gatewayToken(gateway.issuer()),
      request: (values) => ({ headers: { ...values, authorization: `Bearer ${token}` } }),
      gateway: { client: gatewayClient, gateway: { issuer: gatewayIssuer, client: gatewayClient } },
      expiresAt: now + 600,
    },
  ],
  [
    'a secret',
    {
      proof: () => sharedSecret({ header: 'X-Gateway-Secret', secret }),
      request: (values) => ({ headers: { ...values, 'x-gateway-secret': secret } }),
      gateway: {},
      expiresAt: now + 300,
    },
  ],
  [
    'its certificate',
    {
      proof: () => clientCertificate({ sha256: fingerprint }),
      request: (values) => ({ headers: { ...values }, certificate }),
      gateway: {},
      expiresAt: now + 300,
    },
  ],
]

describe.each(proofs)('headers of a gateway that proves itself by %s', (_, proving) => {
  const send = (values: Values, named: PlainHeaderNames = headers): Promise<Identity> => {
    const source = plainHeaders({ headers: named, iss: peopleIssuer, proof: proving.proof() })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    return authenticator.authenticate(proving.request(values))
  }
  const good = { 'x-user': 'jane', 'x-org': 'acme', 'x-roles': 'admin,viewer' }

  it('name the caller', async () => {
    const organization = { id: 'acme', roles: ['admin', 'viewer'] }
    expect({ ...(await send(good)) }).toEqual({
      kind: 'user',
      issuer: peopleIssuer,
      subject: 'jane',
      principal: `["${peopleIssuer}","jane"]`,
      organization,
      organizations: [organization],
      scopes: [],
      roles: ['admin', 'viewer'],
      source: 'plainHeaders',
      expiresAt: proving.expiresAt,
      claims: {},
      ...proving.gateway,
    })
  })

  it('may be fewer where fewer are configured', async () => {
    const identity = await send({ 'x-user': 'jane' }, { subject: 'x-user' })
    expect(identity).toMatchObject({ subject: 'jane', organizations: [], roles: [] })
    expect('organization' in identity).toBe(false)
  })

  it.each([
    ['admin', ['admin']],
    ['admin,viewer', ['admin', 'viewer']],
    ['admin,viewer,admin', ['admin', 'viewer']],
    ['Read admin,Finance Team', ['Read admin', 'Finance Team']],
    ['admin viewer', ['admin viewer']],
    [' \tadmin,viewer \t', ['admin', 'viewer']],
    ['admin;viewer', ['admin;viewer']],
    ['[Finance] admin,viewer', ['[Finance] admin', 'viewer']],
    ['', []],
    ['  ', []],
  ])('list roles as %j', async (value, roles) => {
    const identity = await send({ ...good, 'x-roles': value })
    expect(identity.roles).toEqual(roles)
    expect(identity.organization?.roles).toEqual(roles)
  })

  it('say that there is no organization by leaving its value empty', async () => {
    const identity = await send({ ...good, 'x-org': '' })
    expect('organization' in identity).toBe(false)
    expect(identity.roles).toEqual(['admin', 'viewer'])
  })

  it.each(['x-user', 'x-org', 'x-roles'])('have to be complete: %s', async (name) => {
    const { [name]: _left, ...rest } = good as Values
    await expectRefused(() => send(rest), { code: 'MISSING', reason: 'headers_incomplete' })
  })

  it.each([
    ['x-user', ''],
    ['x-user', '   '],
    ['x-user', 'jane, root'],
    ['x-user', 'jane,'],
    ['x-user', 'jane,root'],
    // ISO 8859-1, as octets: not UTF-8.
    ['x-user', 'j\u00e4ne'],
    // Text in place of octets.
    ['x-user', 'j\u0101ne'],
    ['x-user', '\ufeffjane'],
    // A blank of Unicode at an edge: as octets, as UTF-8, and as text.
    ['x-user', 'jane\u00a0'],
    ['x-user', octets('jane\u00a0')],
    ['x-user', octets('\u3000jane')],
    ['x-user', octets('\ufeffjane')],
    ['x-user', octets('jane\u2028')],
    ['x-user', octets('ja\u2028ne')],
    ['x-user', octets('ja\u0085ne')],
    ['x-user', 'jane\r'],
    ['x-user', '\u000bjane'],
    ['x-user', 'ja\tne'],
    // An overlong form, a surrogate, half a character.
    ['x-user', 'j\u00c1\u00a1ne'],
    ['x-user', 'j\u00ed\u00a0\u0080'],
    ['x-user', 'jan\u00c3'],
    ['x-user', 'jane\u0000'],
    ['x-user', 'j'.repeat(257)],
    ['x-org', 'acme, beta'],
    ['x-org', 'ac\tme'],
    ['x-org', octets('acme\u00a0')],
    ['x-roles', 'admin\u0007'],
    ['x-roles', '\u00e4dmin'],
    // Lines that something joined, or a list in another format.
    ['x-roles', 'admin, viewer'],
    ['x-roles', 'viewer ,admin'],
    ['x-roles', ','],
    ['x-roles', 'admin,'],
    ['x-roles', ',admin'],
    ['x-roles', 'viewer,,admin'],
    ['x-roles', '["viewer","admin"]'],
    ['x-roles', '[viewer,admin]'],
    ['x-roles', '{"roles":["admin"]}'],
    ['x-roles', '"viewer","admin"'],
    ['x-roles', 'CN=Users,OU=admin,DC=acme'],
    ['x-roles', 'Finance\\,admin'],
    ['x-roles', octets('viewer,\u00a0admin')],
    ['x-roles', 'a'.repeat(257)],
    ['x-roles', 'a'.repeat(4097)],
  ])('are refused with %s: %j', (name, value) =>
    expectRefused(() => send({ ...good, [name]: value }), {
      code: 'TOK',
      reason: 'headers_value',
    }),
  )

  it.each([
    ['Ada Lovelace', 'Ada Lovelace'],
    ['  jane\t', 'jane'],
    [octets('jos\u00e9'), 'jos\u00e9'],
    [octets('\u674e\u96ea'), '\u674e\u96ea'],
    [octets('a\u00a0b'), 'a\u00a0b'],
    [octets('\u{1f469}'), '\u{1f469}'],
    ['jos%C3%A9', 'jos%C3%A9'],
    ["UTF-8''jos%C3%A9", "UTF-8''jos%C3%A9"],
    ['auth0|5f7c', 'auth0|5f7c'],
    ['ACME\\jane', 'ACME\\jane'],
    ['"jane"', '"jane"'],
    [octets('\u00e9'.repeat(256)), '\u00e9'.repeat(256)],
  ])('name exactly the subject that was sent: %j', async (value, subject) => {
    expect((await send({ ...good, 'x-user': value })).subject).toBe(subject)
    expect((await send({ ...good, 'x-org': value })).organization?.id).toBe(subject)
  })

  it('are ambiguous when one is there twice', () => {
    const request = proving.request({})
    const lines = Object.entries({ ...(request.headers as Values), ...good }).flat()
    const source = plainHeaders({ headers, iss: peopleIssuer, proof: proving.proof() })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    return expectRefused(
      () => authenticator.authenticate({ ...request, rawHeaders: [...lines, 'x-user', 'root'] }),
      { code: 'REQ', reason: 'duplicate_header' },
    )
  })
})

describe('roles in a stated format', () => {
  const send = (value: string, rolesFormat: PlainHeadersOptions['rolesFormat'] & string) => {
    const proof = sharedSecret({ header: 'x-gateway-secret', secret })
    const source = plainHeaders({ headers, iss: peopleIssuer, proof, rolesFormat })
    const sent = { 'x-user': 'jane', 'x-org': '', 'x-roles': value, 'x-gateway-secret': secret }
    const request = { headers: sent, rawHeaders: Object.entries(sent).flat() }
    return createAuthenticator({ resource, clock, sources: [source] }).authenticate(request)
  }

  it.each([
    ['semicolon', 'Read admin;a,b', ['Read admin', 'a,b']],
    ['pipe', 'Read admin|authentik Admins', ['Read admin', 'authentik Admins']],
    ['space', 'admin viewer', ['admin', 'viewer']],
    ['space', 'Read,admin', ['Read,admin']],
    ['json', '["Read admin","CN=Users,OU=admin"]', ['Read admin', 'CN=Users,OU=admin']],
    ['json', '[ "a", "b", "a" ]', ['a', 'b']],
    ['json', octets('["\u00e9"]'), ['\u00e9']],
    ['json', '["\\u00e9"]', ['\u00e9']],
    ['json', '[]', []],
    ['json', '', []],
  ] as const)('%s: %j', async (format, value, roles) => {
    expect((await send(value, format)).roles).toEqual(roles)
  })

  it.each([
    ['semicolon', 'a; b'],
    ['semicolon', 'a;'],
    ['pipe', 'a| b'],
    ['pipe', '["a"]'],
    ['space', 'a  b'],
    ['json', 'admin'],
    ['json', '"admin"'],
    ['json', '{"0":"admin"}'],
    ['json', '["admin"'],
    ['json', '["admin",]'],
    ['json', '["admin",7]'],
    ['json', '[["admin"]]'],
    ['json', '[""]'],
    ['json', '[" admin"]'],
    ['json', '["ad\\nmin"]'],
    ['json', '["admin"],["viewer"]'],
    ['json', 'null'],
  ] as const)('%s does not guess what %j means', (format, value) =>
    expectRefused(() => send(value, format), { code: 'TOK', reason: 'headers_value' }),
  )
})

describe('the organization that headers name', () => {
  const send = async (org: string, machine: object): Promise<Identity> => {
    const proof = gatewayToken(gateway.issuer())
    const source = plainHeaders({ headers, iss: peopleIssuer, proof })
    const authorization = `Bearer ${await gateway.token({ ...machine })}`
    const sent = { authorization, 'x-user': 'jane', 'x-org': org, 'x-roles': 'admin' }
    return createAuthenticator({ resource, clock, sources: [source] }).authenticate({
      headers: sent,
    })
  }

  it.each([
    ['acme', {}],
    ['acme', { org_id: 'acme' }],
    ['', {}],
  ])('may be %j behind a gateway of %j', async (org, machine) => {
    expect((await send(org, machine)).organization?.id ?? '').toBe(org)
  })

  it.each([
    ['globex', { org_id: 'acme' }],
    ['Acme', { org_id: 'acme' }],
    ['', { org_id: 'acme' }],
    ['globex', { org_id: 7 }],
  ])('must not be %j behind a gateway of %j', (org, machine) =>
    expectRefused(() => send(org, machine), { code: 'BIND', reason: 'binding_tenant' }),
  )
})

describe('headers that anyone may have typed', () => {
  const typed = { 'x-user': 'root', 'x-org': 'acme', 'x-roles': 'admin' }

  it.each(proofs)('are nothing without the proof: %s', async (_, proving) => {
    const source = plainHeaders({ headers, iss: peopleIssuer, proof: proving.proof() })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    await expectRefused(() => authenticator.authenticate({ headers: typed }), {
      code: 'MISSING',
      reason: 'gateway_missing',
    })
  })

  it.each([
    ['expired', { exp: now - 60 }],
    ['client', { client_id: 'other', sub: 'other' }],
    ['audience', { aud: 'https://other.example' }],
  ])('are nothing with a token that is refused (%s)', async (reason, claims) => {
    const source = plainHeaders({
      headers,
      iss: peopleIssuer,
      proof: gatewayToken(gateway.issuer()),
    })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    const bad = await gateway.token(claims)
    const request = { headers: { ...typed, authorization: `Bearer ${bad}` } }
    await expectRefused(
      () => authenticator.authenticate(request),
      { code: 'TOK', reason },
      bad,
      canary,
    )
  })

  it('are nothing with the token of a person', async () => {
    const source = plainHeaders({
      headers,
      iss: peopleIssuer,
      proof: gatewayToken(gateway.issuer()),
    })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    const person = await gateway.token({ sub: 'joe' })
    const request = { headers: { ...typed, authorization: `Bearer ${person}` } }
    await expectRefused(
      () => authenticator.authenticate(request),
      { code: 'BIND', reason: 'binding_roles_swapped' },
      person,
    )
  })

  it('do not make a person of the machine that proves itself', async () => {
    const proof = gatewayToken(gateway.issuer())
    const source = plainHeaders({ headers: { subject: 'x-user' }, iss: gatewayIssuer, proof })
    const authenticator = createAuthenticator({ resource, clock, sources: [source] })
    const request = { headers: { 'x-user': gatewayClient, authorization: `Bearer ${token}` } }
    expect(await authenticator.authenticate(request)).toMatchObject({ kind: 'service' })
  })
})

describe('the options of plainHeaders', () => {
  const usual = (): PlainHeadersOptions => ({
    headers,
    iss: peopleIssuer,
    proof: sharedSecret({ header: 'x-gateway-secret', secret }),
  })

  it.each([
    [{ proof: undefined }, 'proof is required'],
    [{ proof: {} }, 'proof is required'],
    [{ iss: '' }, 'iss is required'],
    [{ rolesFormat: 'tab' }, 'rolesFormat must be one of comma, semicolon, pipe, space, json'],
    [{ iss: undefined }, 'iss is required'],
    [{ headers: undefined }, 'headers is required'],
    [{ headers: {} }, 'headers.subject is not a valid header name'],
    [{ headers: { subject: 'x user' } }, 'headers.subject is not a valid header name'],
    [{ headers: { subject: 'x_user' } }, 'headers.subject is not a valid header name'],
    [
      { headers: { ...headers, organization: '' } },
      'headers.organization is not a valid header name',
    ],
    [{ headers: { ...headers, roles: '' } }, 'headers.roles is not a valid header name'],
    [
      { headers: { ...headers, organization: undefined } },
      'headers.organization must not be undefined',
    ],
    [{ headers: { ...headers, roles: undefined } }, 'headers.roles must not be undefined'],
    [{ headers: { ...headers, rolls: 'x-rolls' } }, 'headers.rolls is unknown'],
    [{ headers: { subject: 'X-User', roles: 'x-user' } }, 'headers must be different ones'],
    [{ headers: { subject: 'Authorization' } }, 'headers must not name Authorization'],
    [{ headers: { subject: 'X-Gateway-Secret' } }, 'headers must not name the header of the proof'],
  ])('must not be %j', (options, message) => {
    expect(() => plainHeaders({ ...usual(), ...options } as never)).toThrow(new TypeError(message))
  })
})
