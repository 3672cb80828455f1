import { createHash } from 'node:crypto'
import {
  type CredentialRequest,
  clientCertificate,
  createAuthenticator,
  gatewayToken,
  type Identity,
  type PlainHeaderNames,
  type PlainHeadersOptions,
  type Proof,
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

type Values = Readonly<Record<string, string>>
interface Proving {
  readonly proof: () => Proof
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
  const good = { 'x-user': 'jane', 'x-org': 'acme', 'x-roles': 'admin, viewer' }

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
    ['admin viewer', ['admin', 'viewer']],
    [' admin ,, viewer, admin', ['admin', 'viewer']],
    ['', []],
    [',', []],
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
    ['x-user', 'jane root'],
    ['x-user', 'jane,'],
    ['x-user', 'jäne'],
    ['x-user', 'jane\u0000'],
    ['x-user', 'j'.repeat(257)],
    ['x-org', 'acme, beta'],
    ['x-org', 'acme beta'],
    ['x-org', 'ac\tme'],
    ['x-roles', 'admin\u0007'],
    ['x-roles', 'ädmin'],
    ['x-roles', 'a'.repeat(4097)],
  ])('are refused with %s: %j', (name, value) =>
    expectRefused(() => send({ ...good, [name]: value }), {
      code: 'TOK',
      reason: 'headers_value',
    }),
  )

  it('are ambiguous when one stands twice', () => {
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
    [{ headers: { ...headers, rolls: 'x-rolls' } }, 'headers.rolls is unknown'],
    [{ headers: { subject: 'X-User', roles: 'x-user' } }, 'headers must be different ones'],
    [{ headers: { subject: 'Authorization' } }, 'headers must not name Authorization'],
    [{ headers: { subject: 'X-Gateway-Secret' } }, 'headers must not name the header of the proof'],
  ])('must not be %j', (options, message) => {
    expect(() => plainHeaders({ ...usual(), ...options } as never)).toThrow(new TypeError(message))
  })
})
