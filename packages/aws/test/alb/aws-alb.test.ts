import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AwsAlbOptions, awsAlb } from '@onbehalf/aws'
import { type Authenticator, createAuthenticator, type Identity } from '@onbehalf/core'
import { describe, expect, it, onTestFinished } from 'vitest'

const signer =
  'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/mcp/50dc6c495c0c9188'
const issuer = 'https://login.example.com'
const now = 1_795_430_400

type Json = Readonly<Record<string, unknown>>

interface Balancer {
  readonly keyId: string
  readonly fetches: string[]
  readonly options: AwsAlbOptions
  /** An assertion as a load balancer writes it: with padding in every part. */
  readonly assert: (claims?: Json, header?: Json, key?: KeyObject) => string
}

async function start(answer?: { status: number; body: string }): Promise<Balancer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const keyId = randomUUID()
  const fetches: string[] = []
  const server = createServer((req, res) => {
    fetches.push(req.url ?? '')
    const found = req.url === `/${keyId}` ? { status: 200, body: pem } : { status: 404, body: '' }
    const { status, body } = answer ?? found
    res.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const keysUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    keyId,
    fetches,
    options: {
      region: 'eu-west-1',
      signers: [signer],
      clients: ['alb-client'],
      iss: issuer,
      keysUrl,
      organization: ({ org_id: id }) => id as string,
      roles: ({ groups }) => groups as string[],
    },
    assert: (claims = {}, header = {}, key = privateKey) => {
      const head = {
        typ: 'JWT',
        alg: 'ES256',
        kid: keyId,
        signer,
        client: 'alb-client',
        iss: issuer,
        exp: now + 120,
        ...header,
      }
      const body = {
        sub: 'ada',
        iss: issuer,
        exp: now + 120,
        org_id: 'acme',
        groups: ['member'],
        ...claims,
      }
      const signed = `${padded(JSON.stringify(head))}.${padded(JSON.stringify(body))}`
      const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${padded(signature)}`
    },
  }
}

function padded(data: string | Buffer): string {
  return Buffer.from(data).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

function authenticatorOf(options: AwsAlbOptions): Authenticator {
  const sources = [awsAlb(options)]
  return createAuthenticator({ resource: 'https://mcp.example.com/mcp', sources, clock: () => now })
}

function read(authenticator: Authenticator, assertion: string): Promise<Identity> {
  return authenticator.authenticate({ headers: { 'x-amzn-oidc-data': assertion } })
}

describe('awsAlb', () => {
  it('takes the person that the load balancer signed in, padding and all', async () => {
    const { options, assert, fetches, keyId } = await start()
    const authenticator = authenticatorOf(options)
    const assertion = assert({ email: 'ada@acme.example' })
    expect(assertion).toContain('=')
    expect(await read(authenticator, assertion)).toMatchObject({
      kind: 'user',
      issuer,
      subject: 'ada',
      organization: { id: 'acme', roles: ['member'] },
      roles: ['member'],
      client: 'alb-client',
      source: 'signedHeader',
      expiresAt: now + 120,
      claims: expect.not.objectContaining({ email: 'ada@acme.example' }) as unknown,
    })
    await read(authenticator, assertion)
    expect(fetches).toEqual([`/${keyId}`])
  })

  it.each<[string, string, Json, Json]>([
    ['another load balancer', 'signer', {}, { signer: `${signer}9` }],
    ['no load balancer', 'signer', {}, { signer: undefined }],
    ['another client', 'client', {}, { client: 'another' }],
    ['another issuer', 'issuer', {}, { iss: 'https://other.example.com' }],
    ['another issuer among the claims', 'issuer', { iss: 'https://other.example.com' }, {}],
    ['another algorithm', 'algorithm', {}, { alg: 'none' }],
    ['an expiry that is over', 'expired', {}, { exp: now - 31 }],
    ['an expiry among the claims that is over', 'expired', { exp: now - 31 }, {}],
    ['an expiry that is far away', 'lifetime', { exp: now * 2 }, { exp: now * 2 }],
    ['no expiry', 'exp_missing', { exp: undefined }, { exp: undefined }],
    ['an expiry that is no number', 'exp_missing', {}, { exp: '9' }],
    ['a key id that leads elsewhere', 'key_id', {}, { kid: '../evil' }],
    ['an address as key id', 'key_id', {}, { kid: 'http://127.0.0.1/' }],
    ['no key id', 'key_id', {}, { kid: undefined }],
  ])('refuses %s, and fetches nothing for it', async (_name, reason, claims, header) => {
    const { options, assert, fetches } = await start()
    const refused = read(authenticatorOf(options), assert(claims, header))
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason })
    expect(fetches).toEqual([])
  })

  it('refuses a signature of another key, and an altered assertion', async () => {
    const { options, assert } = await start()
    const authenticator = authenticatorOf(options)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const [head, , signature] = assert().split('.')
    const [, body] = assert({ org_id: 'globex' }).split('.')
    for (const assertion of [assert({}, {}, other), `${head}.${body}.${signature}`]) {
      await expect(read(authenticator, assertion)).rejects.toMatchObject({ reason: 'signature' })
    }
  })

  it('refuses a person without a name', async () => {
    const { options, assert } = await start()
    for (const sub of ['', undefined, 7]) {
      const refused = read(authenticatorOf(options), assert({ sub }))
      await expect(refused).rejects.toMatchObject({ code: 'TOK', reason: 'subject' })
    }
  })

  it('refuses what is no assertion', async () => {
    const { options, assert } = await start()
    const authenticator = authenticatorOf(options)
    const good = assert()
    const others = [
      '',
      'x',
      'a.b.c',
      good.replaceAll('=', ''),
      `${good}.`,
      `${good}=`,
      'A'.repeat(17_000),
    ]
    for (const assertion of others) {
      await expect(read(authenticator, assertion)).rejects.toMatchObject({
        reason: 'malformed_assertion',
      })
    }
  })

  it('refuses the header twice', async () => {
    const { options, assert } = await start()
    const rawHeaders = ['x-amzn-oidc-data', assert(), 'X-Amzn-Oidc-Data', assert()]
    const refused = authenticatorOf(options).authenticate({ headers: {}, rawHeaders })
    await expect(refused).rejects.toMatchObject({ code: 'REQ', reason: 'duplicate_header' })
  })

  it('refuses a key that there is none of, ten times a minute', async () => {
    const { options, assert, fetches } = await start()
    const authenticator = authenticatorOf(options)
    const outcomes: string[] = []
    for (let n = 0; n < 12; n += 1) {
      const assertion = assert({}, { kid: randomUUID() })
      outcomes.push(
        (await read(authenticator, assertion).catch(
          (error: { reason: string }) => error.reason,
        )) as string,
      )
    }
    expect(outcomes).toEqual([...Array<string>(10).fill('key_unknown'), 'key_budget', 'key_budget'])
    expect(fetches).toHaveLength(10)
  })

  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  it.each([
    ['fails', 500, ''],
    ['leads elsewhere', 302, ''],
    ['has no key', 200, 'key'],
    [
      'has a private key',
      200,
      otherCurve.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    [
      'has a key of another kind',
      200,
      otherCurve.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ],
    ['has no end', 200, `-----BEGIN PUBLIC KEY-----${'x'.repeat(5000)}`],
  ])('is no fault of the caller when the key server %s', async (_name, status, body) => {
    const { options, assert } = await start({ status, body })
    await expect(read(authenticatorOf(options), assert())).rejects.toMatchObject({
      code: 'DOWN',
      reason: 'keys_unavailable',
    })
  })

  it.each<[string, Partial<AwsAlbOptions>]>([
    ['region is malformed', { region: 'evil.example.com/' }],
    ['signers must name at least one load balancer', { signers: [] }],
    ['clients must name at least one', { clients: [''] }],
    ['iss is required', { iss: '' }],
    [
      'keysUrl must be an https URL with a slash at its end',
      { keysUrl: 'http://keys.example.com/' },
    ],
    [
      'keysUrl must be an https URL with a slash at its end',
      { keysUrl: 'https://keys.example.com/x' },
    ],
    ['clockSkewSeconds must be between 0 and 60', { clockSkewSeconds: 61 }],
    ['timeoutSeconds must be above 0 and at most 30', { timeoutSeconds: 0 }],
  ])('says what is wrong: %s', async (message, wrong) => {
    const { options } = await start()
    expect(() => awsAlb({ ...options, ...wrong })).toThrow(new TypeError(message))
  })
})
