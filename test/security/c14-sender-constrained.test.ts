import { createHash, randomUUID } from 'node:crypto'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import {
  type Confirmation,
  certificateBound,
  createAuthenticator,
  createRefusal,
  direct,
  dpop,
  forwarded,
  introspected,
  issuer,
  memoryStore,
  signedHeader,
} from '@onbehalf/core'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createCertificate } from '../../packages/express/test/certificate.ts'
import { type Lines, listen } from './support/http.ts'
import { createKey, signWith } from './support/keys.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { bearer, type ProtectedServer, startDirect, startServer } from './support/server.ts'
import { compact, mint } from './support/token.ts'

const key = createKey('ES256')
const holderKey = createKey('ES256', 'holder')
const clientCertificate = createCertificate('client')
const { crv, kty, x, y } = holderKey.jwk as JWK
const holderJwk = { crv, kty, x, y } as JWK
const thumbprint = sha256(clientCertificate.der)
let jkt = ''

beforeAll(async () => {
  jkt = await calculateJwkThumbprint(holderJwk)
})

/** What the token is bound to, and what the server can confirm. */
const bindings = {
  'by DPoP': () => ({ jkt }),
  'to a certificate': () => ({ 'x5t#S256': thumbprint }),
  'by DPoP and to a certificate': () => ({ jkt, 'x5t#S256': thumbprint }),
  'to a key of another kind': () => ({ jwk: holderJwk }),
  'to a key id': () => ({ kid: 'holder' }),
  'to nothing that can be read': () => ({}),
  'to text': () => jkt,
} as const

const servers: Readonly<Record<string, () => readonly Confirmation[]>> = {
  'a server that knows no binding': () => [],
  'a server that knows DPoP': () => [dpop({ store: memoryStore() })],
  'a server that knows certificates': () => [certificateBound()],
  'a server that knows both': () => [dpop({ store: memoryStore() }), certificateBound()],
}

const combinations = Object.entries(servers).flatMap(([server, confirmations]) =>
  Object.entries(bindings).map(([binding, cnf]) => [binding, server, cnf, confirmations] as const),
)

describe('C14 a bound token that comes as bearer', () => {
  it.each(combinations)(
    'C14 refuses a bound token that comes as bearer: %s, at %s',
    async (_binding, _server, cnf, confirmations) => {
      const server = await startDirect(key, {}, { confirmations: confirmations() })
      const token = mint(key, { claims: { cnf: cnf() } })
      await expectRefused(server, bearer(token))
      await expectRefused(server, [...bearer(token), ['dpop', proofFor(token)]])
      await expectRefused(server, [['authorization', `bearer  ${token}`]])
    },
  )

  it.each(Object.entries(bindings))(
    'C14 refuses a bound token that another party forwards: %s',
    async (_binding, cnf) => {
      const gatewayKey = createKey('ES256', 'gateway')
      const trusted = { audience, kind: 'by-client', algorithms: ['ES256'] } as const
      const server = await startServer({
        sources: [
          forwarded({
            header: 'x-user-token',
            bind: 'audience',
            issuer: issuer({ ...trusted, iss: issuerName, keys: { jwks: { keys: [key.jwk] } } }),
            gateway: issuer({
              ...trusted,
              iss: 'https://gateway.example',
              clients: 'gateway',
              keys: { jwks: { keys: [gatewayKey.jwk] } },
            }),
          }),
        ],
        confirmations: [dpop({ store: memoryStore() }), certificateBound()],
      })
      const claims = { iss: 'https://gateway.example', sub: 'gateway', client_id: 'gateway' }
      const machine = bearer(mint(gatewayKey, { claims }))
      const send = (token: string): Lines => [
        ...machine,
        ['x-user-token', token],
        ['dpop', proofFor(token)],
      ]
      expect(await server.send(send(mint(key)))).toMatchObject({ status: 200 })
      await expectRefused(server, send(mint(key, { claims: { cnf: cnf() } })))
    },
  )

  it('C14 refuses a bound token in the header of a proxy', async () => {
    const trusted = issuer({
      iss: issuerName,
      audience,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys: { jwks: { keys: [key.jwk] } },
    })
    const server = await startServer({
      sources: [signedHeader({ header: 'x-assertion', issuer: trusted })],
      confirmations: [dpop({ store: memoryStore() })],
    })
    const token = mint(key, { claims: { cnf: { jkt } } })
    const lines: Lines = [
      ['x-assertion', token],
      ['dpop', proofFor(token)],
    ]
    await expectRefused(server, lines, 'x-assertion')
  })

  it.each(Object.entries(bindings))(
    'C14 refuses an opaque token that is bound: %s',
    async (_binding, cnf) => {
      const active = {
        active: true,
        sub: 'ada',
        aud: audience,
        client_id: 'agent',
        iat: now,
        exp: now + 300,
      }
      const { port, close } = await listen((_req, res) => {
        res.end(JSON.stringify({ ...active, cnf: cnf() }))
      })
      onTestFinished(close)
      const opaque = introspected({
        iss: issuerName,
        audience,
        kind: 'by-client',
        endpoint: `http://127.0.0.1:${port}/introspect`,
        clientId: 'mcp',
        clientSecret: 'secret',
      })
      const server = await startServer({
        sources: [direct({ issuer: opaque })],
        confirmations: [dpop({ store: memoryStore() }), certificateBound()],
      })
      await expectRefused(server, bearer('opaque'))
    },
  )

  it('C14 refuses a token under DPoP that is not bound', async () => {
    const server = await startDirect(key, {}, { confirmations: [dpop({ store: memoryStore() })] })
    const token = mint(key)
    await expectRefused(server, dpopLines(token))
    await expectRefused(server, [['authorization', `DPoP ${token}`]])
  })

  it('C14 accepts a bound token with its proof, once', async () => {
    const server = await startDirect(key, {}, { confirmations: [dpop({ store: memoryStore() })] })
    const lines = dpopLines(mint(key, { claims: { cnf: { jkt } } }))
    expect(await server.send(lines)).toMatchObject({ status: 200 })
    expect(await server.send(lines)).toMatchObject({ status: 401 })
    expect(server.events.at(-1)).toMatchObject({ code: 'TOK', reason: 'dpop_replayed' })
    expect(server.handled).toHaveLength(1)
  })
})

describe('C14 a certificate-bound token over TLS', () => {
  const otherCertificate = createCertificate('other')

  it.each([
    ['without a certificate', undefined, 401],
    ['with another certificate', otherCertificate, 401],
    ['with its certificate', clientCertificate, 200],
  ] as const)(
    'C14 accepts it on a connection with its own certificate alone: %s',
    async (_case, certificate, status) => {
      const token = mint(key, { claims: { cnf: { 'x5t#S256': thumbprint } } })
      expect(await sendOverTls(token, certificate)).toBe(status)
      expect(await sendOverTls(mint(key), certificate)).toBe(200)
    },
  )

  /** The status that a resource on `node:https` answers with. */
  async function sendOverTls(token: string, certificate: typeof otherCertificate | undefined) {
    const own = createCertificate('server')
    const trusted = issuer({
      iss: issuerName,
      audience,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys: { jwks: { keys: [key.jwk] } },
    })
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: trusted })],
      confirmations: [certificateBound()],
      clock: () => now,
    })
    const ca = [clientCertificate.cert, otherCertificate.cert]
    const tls = { cert: own.cert, key: own.key, ca, requestCert: true, rejectUnauthorized: false }
    const server = createServer(tls, (req, res) => {
      const certificate = (req.socket as TLSSocket).getPeerCertificate().raw
      const { headers, rawHeaders, method, url } = req
      authenticator.authenticate({ headers, rawHeaders, method, url, certificate }).then(
        () => res.end(),
        (error: unknown) => {
          const refusal = createRefusal(error, authenticator)
          res.writeHead(refusal.status, refusal.headers).end(refusal.body)
        },
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    return new Promise<number>((resolve, reject) => {
      const options = {
        port: (server.address() as AddressInfo).port,
        hostname: '127.0.0.1',
        method: 'POST',
        path: '/mcp',
        headers: { authorization: `Bearer ${token}` },
        ...(certificate && { cert: certificate.cert, key: certificate.key }),
        ca: own.cert,
        // The certificate names no address: which server answers is not the matter here.
        checkServerIdentity: () => undefined,
        agent: false,
      }
      request(options, (response) => {
        text(response).then(() => resolve(response.statusCode ?? 0), reject)
      })
        .on('error', reject)
        .end()
    })
  }
})

/** Refused as any bad token is, byte for byte; the handler not called, a good call still accepted. */
async function expectRefused(
  server: ProtectedServer,
  lines: Lines,
  header = 'authorization',
): Promise<void> {
  const handled = server.handled.length
  const answer = await server.send(lines)
  const told = server.events.at(-1)
  expect(told).toMatchObject({ type: 'refused', code: 'TOK' })
  expect(['sender_constrained', 'certificate_missing']).toContain(
    (told as { reason: string }).reason,
  )
  expect(server.handled).toHaveLength(handled)
  expect(answer.status).toBe(401)
  expect(answer.body).toBe(
    '{"error":"invalid_token","error_description":"The access token was refused"}',
  )
  const expired = mint(key, { claims: { exp: now - 60 } })
  const scheme = header === 'authorization' ? 'Bearer ' : ''
  expect(answer).toEqual(await server.send([[header, scheme + expired]]))
  const after = server.good && (await server.send(server.good))
  expect(after?.status ?? 200).toBe(200)
}

function proofFor(token: string): string {
  const claims = { jti: randomUUID(), htm: 'POST', htu: resource, iat: now, ath: sha256(token) }
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: holderJwk }
  return compact(JSON.stringify(header), JSON.stringify(claims), signWith(holderKey))
}

function dpopLines(token: string): Lines {
  return [
    ['authorization', `DPoP ${token}`],
    ['dpop', proofFor(token)],
  ]
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
