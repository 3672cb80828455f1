import { createHash } from 'node:crypto'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import {
  type CertificateBoundOptions,
  type Confirmation,
  certificateBound,
  clientCertificate,
  createAuthenticator,
  createRefusal,
  direct,
  dpop,
  gatewayToken,
  memoryStore,
  sharedSecret,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createCertificate } from '../../../express/test/certificate.ts'
import { createPeople, now, type Party, resource } from '../support/world.ts'
import { createHolder, dpopHeaders, type Holder } from './holder.ts'

type Certificate = ReturnType<typeof createCertificate>

const server = createCertificate()
const client = createCertificate('client')
const other = createCertificate('other')
const secret = 'a-secret-of-the-proxy-that-is-long-enough'
const proxySecret = sharedSecret({ header: 'x-proxy-secret', secret })

let people: Party
let holder: Holder
let token: string

beforeAll(async () => {
  people = await createPeople()
  holder = await createHolder()
  token = await people.token({ cnf: { 'x5t#S256': thumbprint(client) } })
})

/** RFC 8705 section 3.1. */
function thumbprint({ der }: Certificate): string {
  return createHash('sha256').update(der).digest('base64url')
}

/** RFC 9440 section 2.2. */
function asHeader({ der }: Certificate): string {
  return `:${der.toString('base64')}:`
}

interface Call {
  readonly certificate?: Certificate
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

interface Tls {
  /** Status, and the subject or the reason that the operator is notified. */
  readonly verdict: (call?: Call) => Promise<readonly [status: number, outcome: string | undefined]>
  /** What a refused caller gets to see. */
  readonly answer: (call?: Call) => Promise<string>
}

/** A resource on `node:https` that asks its clients for a certificate. */
async function startTls(...confirmations: readonly Confirmation[]): Promise<Tls> {
  let reason: string | undefined
  const authenticator = createAuthenticator({
    resource,
    sources: [direct({ issuer: people.issuer() })],
    confirmations,
    clock: () => now,
    onEvent: (event) => {
      if (event.type === 'refused') ({ reason } = event)
    },
  })
  const options = { ...server, ca: [client.cert, other.cert], requestCert: true }
  const listening = createServer({ ...options, rejectUnauthorized: false }, (req, res) => {
    const socket = req.socket as TLSSocket
    const { headers, rawHeaders, method, url } = req
    const certificate = socket.authorized ? socket.getPeerCertificate().raw : undefined
    authenticator.authenticate({ headers, rawHeaders, method, url, certificate }).then(
      ({ subject }) => res.end(subject),
      (error: unknown) => {
        const refusal = createRefusal(error, authenticator)
        res.writeHead(refusal.status, refusal.headers).end(refusal.body)
      },
    )
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listening.close()
    listening.closeAllConnections()
  })
  const { port } = listening.address() as AddressInfo
  return {
    verdict: async (call) => {
      const [status, body] = await send(port, call)
      return [status, status === 200 ? body : reason]
    },
    answer: async (call) => JSON.stringify(await send(port, call)),
  }
}

function send(
  port: number,
  { certificate, headers = bearer() }: Call = {},
): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const options = {
      hostname: '127.0.0.1',
      port,
      method: 'POST',
      path: '/mcp',
      headers,
      ...(certificate && { cert: certificate.cert, key: certificate.key }),
      ca: server.cert,
      // The certificate names no address: which server answers is not the matter here.
      checkServerIdentity: () => undefined,
      agent: false,
    }
    request(options as object, (response) => {
      text(response).then((body) => resolve([response.statusCode ?? 0, body]), reject)
    })
      .on('error', reject)
      .end()
  })
}

function bearer(others: Readonly<Record<string, string | readonly string[]>> = {}) {
  return { authorization: `Bearer ${token}`, ...others }
}

describe('a token that is bound to a certificate', () => {
  it('is accepted on a connection with that certificate', async () => {
    const tls = await startTls(certificateBound())
    expect(await tls.verdict({ certificate: client })).toEqual([200, 'jane'])
  })

  it('is refused on a connection with another certificate', async () => {
    const tls = await startTls(certificateBound())
    expect(await tls.verdict({ certificate: other })).toEqual([401, 'certificate_mismatch'])
  })

  it('is refused on a connection without a certificate', async () => {
    const tls = await startTls(certificateBound())
    expect(await tls.verdict()).toEqual([401, 'certificate_missing'])
  })

  it('is refused on a connection whose certificate did not verify', async () => {
    const tls = await startTls(certificateBound())
    const stranger = createCertificate()
    expect(await tls.verdict({ certificate: stranger })).toEqual([401, 'certificate_missing'])
  })

  it('is refused where nothing is configured', async () => {
    const tls = await startTls()
    expect(await tls.verdict({ certificate: client })).toEqual([401, 'sender_constrained'])
  })

  it('is refused under the scheme DPoP', async () => {
    const tls = await startTls(certificateBound(), dpop({ store: memoryStore() }))
    const headers = dpopHeaders(token, holder.proof(token))
    expect(await tls.verdict({ certificate: client, headers })).toEqual([401, 'sender_constrained'])
  })

  it('is refused with the same answer as any other token', async () => {
    const tls = await startTls(certificateBound())
    const expired = await people.token({ exp: now - 60 })
    const answers = await Promise.all([
      tls.answer(),
      tls.answer({ certificate: other }),
      tls.answer({ headers: { authorization: `Bearer ${expired}` } }),
    ])
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('invalid_token')
  })

  it('does not bind the connection: a bearer token is accepted beside it', async () => {
    const tls = await startTls(certificateBound())
    const headers = { authorization: `Bearer ${await people.token()}` }
    expect(await tls.verdict({ certificate: other, headers })).toEqual([200, 'jane'])
  })

  it.each([
    ['in hexadecimal', () => createHash('sha256').update(client.der).digest('hex')],
    ['with padding', () => `${thumbprint(client)}=`],
    ['cut short', () => thumbprint(client).slice(0, 42)],
    ['a list', () => [thumbprint(client)]],
  ])('is refused when its thumbprint is %s', async (_form, value) => {
    const tls = await startTls(certificateBound())
    const malformed = await people.token({ cnf: { 'x5t#S256': value() } })
    const headers = { authorization: `Bearer ${malformed}` }
    expect(await tls.verdict({ certificate: client, headers })).toEqual([
      401,
      'certificate_mismatch',
    ])
  })

  it('is refused when it is bound to nothing at all, and to nothing was shown', async () => {
    const empty = createHash('sha256').update('').digest('base64url')
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: people.issuer() })],
      confirmations: [certificateBound()],
      clock: () => now,
    })
    const bound = await people.token({ cnf: { 'x5t#S256': empty } })
    const call = { headers: { authorization: `Bearer ${bound}` }, certificate: new Uint8Array() }
    await expect(authenticator.authenticate(call)).rejects.toMatchObject({
      reason: 'certificate_missing',
    })
  })
})

describe('a token that is bound to a certificate and by DPoP', () => {
  async function startBoth() {
    const tls = await startTls(certificateBound(), dpop({ store: memoryStore() }))
    const bound = await people.token({
      cnf: { jkt: holder.jkt, 'x5t#S256': thumbprint(client) },
    })
    return { ...tls, bound }
  }

  it('is accepted with both', async () => {
    const { verdict, bound } = await startBoth()
    const headers = dpopHeaders(bound, holder.proof(bound))
    expect(await verdict({ certificate: client, headers })).toEqual([200, 'jane'])
  })

  it('is refused with the proof alone', async () => {
    const { verdict, bound } = await startBoth()
    const headers = dpopHeaders(bound, holder.proof(bound))
    expect(await verdict({ certificate: other, headers })).toEqual([401, 'certificate_mismatch'])
  })

  it('is refused with the certificate alone', async () => {
    const { verdict, bound } = await startBoth()
    const asDpop = { authorization: `DPoP ${bound}` }
    const asBearer = { authorization: `Bearer ${bound}` }
    expect(await verdict({ certificate: client, headers: asDpop })).toEqual([401, 'dpop_missing'])
    expect(await verdict({ certificate: client, headers: asBearer })).toEqual([
      401,
      'sender_constrained',
    ])
  })
})

describe('a server that accepts certificate-bound tokens alone', () => {
  it('refuses another token, whatever the certificate', async () => {
    const tls = await startTls(certificateBound({ required: true }))
    const headers = { authorization: `Bearer ${await people.token()}` }
    expect(await tls.verdict({ certificate: client, headers })).toEqual([401, 'sender_constrained'])
    expect(await tls.verdict({ certificate: client })).toEqual([200, 'jane'])
  })
})

describe('a server that accepts tokens of one binding alone', () => {
  const store = memoryStore()

  it.each([
    [
      'by DPoP, where a certificate is asked for',
      certificateBound({ required: true }),
      dpop({ store }),
    ],
    [
      'by a certificate, where DPoP is asked for',
      dpop({ store, required: true }),
      certificateBound(),
    ],
  ])('refuses one that is bound %s', async (_, asked, allowed) => {
    const tls = await startTls(asked, allowed)
    const byKey = await people.token({ cnf: { jkt: holder.jkt } })
    const isKeyAsked = asked.member === 'jkt'
    const headers = isKeyAsked ? bearer() : dpopHeaders(byKey, holder.proof(byKey))
    const refused = [401, 'sender_constrained']
    expect(await tls.verdict({ certificate: client, headers })).toEqual(refused)
    const asBound = isKeyAsked ? dpopHeaders(byKey, holder.proof(byKey)) : bearer()
    expect(await tls.verdict({ certificate: client, headers: asBound })).toEqual([200, 'jane'])
  })
})

describe('a proxy that hands the certificate on', () => {
  const proxied = (): Confirmation =>
    certificateBound({ proxy: { header: 'Client-Cert', proof: proxySecret } })
  const handedOn = (certificate: Certificate) => ({
    'client-cert': asHeader(certificate),
    'x-proxy-secret': secret,
  })

  it('is believed when it proves that it is the proxy', async () => {
    const tls = await startTls(proxied())
    expect(await tls.verdict({ headers: bearer(handedOn(client)) })).toEqual([200, 'jane'])
    expect(await tls.verdict({ headers: bearer(handedOn(other)) })).toEqual([
      401,
      'certificate_mismatch',
    ])
  })

  it.each([
    ['without a proof', { 'client-cert': asHeader(client) }, 'certificate_unproven'],
    [
      'with a wrong proof',
      { 'client-cert': asHeader(client), 'x-proxy-secret': `${secret.slice(0, -1)}x` },
      'certificate_unproven',
    ],
    ['that says nothing', { 'x-proxy-secret': secret }, 'certificate_missing'],
  ])('is not believed %s', async (_case, headers, reason) => {
    const tls = await startTls(proxied())
    expect(await tls.verdict({ headers: bearer(headers) })).toEqual([401, reason])
  })

  it('is the only way where it is configured: the connection is that of the proxy', async () => {
    const tls = await startTls(proxied())
    expect(await tls.verdict({ certificate: client })).toEqual([401, 'certificate_missing'])
  })

  it('is not believed where none is configured', async () => {
    const tls = await startTls(certificateBound())
    expect(await tls.verdict({ headers: bearer(handedOn(client)) })).toEqual([
      401,
      'certificate_missing',
    ])
  })

  it.each([
    ['bare base64', client.der.toString('base64')],
    ['base64url', `:${client.der.toString('base64url')}:`],
    ['PEM in one line', client.cert.replaceAll('\n', '')],
    ['an empty sequence', '::'],
    ['two sequences', `${asHeader(client)}, ${asHeader(other)}`],
    ['a sequence with parameters', `${asHeader(client)};a=1`],
    ['a group that is cut short', ':AAAAA:'],
    ['padding inside', ':AA==AAAA:'],
  ])('is not understood when it sends %s', async (_form, value) => {
    const tls = await startTls(proxied())
    const headers = bearer({ 'client-cert': value, 'x-proxy-secret': secret })
    expect(await tls.verdict({ headers })).toEqual([401, 'certificate_malformed'])
  })

  it.each(['client-cert', 'x-proxy-secret'])(
    'is not believed when its client typed %s before it',
    async (name) => {
      const tls = await startTls(proxied())
      const mine = handedOn(client) as Readonly<Record<string, string>>
      const typed = { ...handedOn(client), [name]: ['typed', mine[name] ?? ''] }
      expect(await tls.verdict({ headers: bearer(typed) })).toEqual([400, 'duplicate_header'])
      const joined = { ...handedOn(client), [name.replace('-', '_')]: 'typed' }
      expect(await tls.verdict({ headers: bearer(joined) })).toEqual([400, 'two_spellings'])
    },
  )

  it('may prove itself by its own certificate', async () => {
    const sha256 = createHash('sha256').update(other.der).digest('hex')
    const proof = clientCertificate({ sha256 })
    const tls = await startTls(certificateBound({ proxy: { header: 'client-cert', proof } }))
    const headers = bearer({ 'client-cert': asHeader(client) })
    expect(await tls.verdict({ certificate: other, headers })).toEqual([200, 'jane'])
    expect(await tls.verdict({ certificate: client, headers })).toEqual([
      401,
      'certificate_unproven',
    ])
    expect(await tls.verdict({ headers })).toEqual([401, 'certificate_unproven'])
  })

  it.each([
    ['no proof', { header: 'client-cert', proof: undefined }, 'proxy.proof is required'],
    [
      'a token as proof, which would need its own confirmation',
      { header: 'client-cert', proof: 'token' },
      'proxy.proof must not be a token',
    ],
    [
      'the header of the token',
      { header: 'Authorization', proof: proxySecret },
      'proxy.header must be a separate header',
    ],
    [
      'the header of the proof',
      { header: 'X-Proxy-Secret', proof: proxySecret },
      'proxy.header must be a separate header',
    ],
    ['no header', { header: '', proof: proxySecret }, 'proxy.header is not a valid header name'],
  ])('cannot be configured with %s', (_case, { header, proof }, message) => {
    const token = gatewayToken(people.issuer({ clients: 'gateway' }))
    const proxy = { header, proof: proof === 'token' ? token : proof }
    expect(() => certificateBound({ proxy } as CertificateBoundOptions)).toThrow(
      new TypeError(message),
    )
  })
})
