import { createHash } from 'node:crypto'
import {
  type CredentialRequest,
  clientCertificate,
  createAuthenticator,
  type GatewayProof,
  gatewayToken,
  type Identity,
  plainHeaders,
  sharedSecret,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { clock, createPeople, now, peopleIssuer, resource } from '../support/world.ts'

async function prove(proof: GatewayProof, request: Partial<CredentialRequest>): Promise<Identity> {
  const source = plainHeaders({ headers: { subject: 'x-user' }, iss: peopleIssuer, proof })
  const authenticator = createAuthenticator({ resource, clock, sources: [source] })
  const headers = { 'x-user': 'jane', ...(request.headers as object) }
  return authenticator.authenticate({ ...request, headers })
}

const secret = 'old-secret-of-the-gateway-0123456789'
const next = 'new-secret-of-the-gateway-9876543210'
const header = 'x-gateway-secret'

describe('a shared secret', () => {
  const proof = sharedSecret({ header: 'X-Gateway-Secret', secret: [secret, next] })

  it.each([secret, next])(
    'proves the gateway, also while it is being changed: %s',
    async (value) => {
      expect(await prove(proof, { headers: { [header]: value } })).toMatchObject({
        subject: 'jane',
      })
    },
  )

  it.each([
    '',
    ' ',
    secret.slice(0, -1),
    `${secret}x`,
    ` ${secret}`,
    secret.toUpperCase(),
    `${secret.slice(0, -1)}8`,
    `${secret}, ${secret}`,
    `${secret}${next}`,
    'x'.repeat(secret.length),
  ])('does not when it is %j', (value) =>
    expectRefused(
      () => prove(proof, { headers: { [header]: value } }),
      { code: 'MISSING', reason: 'proof_secret' },
      secret,
      value,
    ),
  )

  it('has to be in its own header', () =>
    expectRefused(
      () => prove(proof, { headers: { authorization: secret, 'x-secret': secret } }),
      { code: 'MISSING', reason: 'gateway_missing' },
      secret,
    ))

  const short = 'secret must have at least 32 characters'
  const none = 'secret must name at least one non-empty string'
  it.each([
    [{ header: '' }, 'header is not a valid header name'],
    [{ header: undefined }, 'header is not a valid header name'],
    [{ secret: undefined }, 'secret is required'],
    [{ secret: '' }, none],
    [{ secret: [] }, none],
    [{ secret: [secret, ''] }, none],
    [{ secret: 's'.repeat(31) }, short],
    [{ secret: [secret, 'short'] }, short],
  ])('must not have the options %j', (options, message) => {
    expect(() => sharedSecret({ header, secret, ...options } as never)).toThrow(
      new TypeError(message),
    )
  })
})

describe('a client certificate', () => {
  const certificate = new TextEncoder().encode('DER of a certificate')
  const hex = createHash('sha256').update(certificate).digest('hex')
  const withColons = hex.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')

  it.each([[hex], [hex.toUpperCase()], [withColons], [['0'.repeat(64), hex]]])(
    'proves the gateway by its fingerprint %j',
    async (sha256) => {
      for (const bytes of [certificate, Buffer.from(certificate)]) {
        const proof = clientCertificate({ sha256 })
        expect(await prove(proof, { certificate: bytes })).toMatchObject({ expiresAt: now + 300 })
      }
    },
  )

  it('does not when it is another one', () => {
    const proof = clientCertificate({ sha256: '0'.repeat(64) })
    const refused = { code: 'MISSING', reason: 'proof_certificate' } as const
    return expectRefused(() => prove(proof, { certificate }), refused, hex)
  })

  it('does not when it is empty, or typed into a header', async () => {
    const proof = clientCertificate({ sha256: hex })
    await expectRefused(() => prove(proof, { certificate: new Uint8Array() }), {
      code: 'MISSING',
      reason: 'proof_certificate',
    })
    for (const name of ['x-client-cert', 'certificate', 'x-forwarded-client-cert']) {
      await expectRefused(() => prove(proof, { headers: { [name]: hex } }), {
        code: 'MISSING',
        reason: 'gateway_missing',
      })
    }
  })

  const malformed = 'sha256 must hold SHA-256 fingerprints in hexadecimal'
  it.each([
    [undefined, 'sha256 is required'],
    ['', 'sha256 must name at least one non-empty string'],
    ['abc', malformed],
    [hex.slice(2), malformed],
    [`${hex}00`, malformed],
    ['g'.repeat(64), malformed],
    [[hex, 'abc'], malformed],
  ])('must not be known by %j', (sha256, message) => {
    expect(() => clientCertificate({ sha256: sha256 as string })).toThrow(new TypeError(message))
  })
})

describe("a gateway's token", () => {
  it('must come from an issuer that lists its clients', async () => {
    const via = (await createPeople()).issuer()
    expect(() => gatewayToken(via)).toThrow(
      new TypeError('gateway must list its clients: only they may vouch for users'),
    )
    expect(() => gatewayToken(undefined as never)).toThrow(new TypeError('gateway is required'))
  })
})

describe('your own proof', () => {
  const custom: GatewayProof = {
    tokenHeaders: [],
    valueHeaders: ['x-mesh'],
    authorizationIssuer: undefined,
    applies: (credentials) => credentials.present.has('x-mesh'),
    prove: async () => ({ gateway: { issuer: 'mesh', client: 'gw' }, expiresAt: now + 5 }),
  }

  it('is believed in what it establishes', async () => {
    expect(await prove(custom, { headers: { 'x-mesh': '1' } })).toMatchObject({
      gateway: { issuer: 'mesh', client: 'gw' },
      client: 'gw',
      expiresAt: now + 5,
    })
  })

  it.each([undefined, null, false])('proves nothing when it returns %j', (proven) =>
    expectRefused(
      () =>
        prove({ ...custom, prove: async () => proven as never }, { headers: { 'x-mesh': '1' } }),
      { code: 'DOWN', reason: 'internal_error' },
    ),
  )

  it('proves nothing when it fails', () =>
    expectRefused(
      () =>
        prove(
          { ...custom, prove: () => Promise.reject(new Error('no mesh')) },
          { headers: { 'x-mesh': '1' } },
        ),
      { code: 'DOWN', reason: 'internal_error' },
    ))
})
