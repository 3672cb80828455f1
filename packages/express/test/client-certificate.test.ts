import { createHash } from 'node:crypto'
import { createServer, request } from 'node:https'
import { json } from 'node:stream/consumers'
import { clientCertificate, createAuthenticator, plainHeaders } from '@onbehalf/core'
import { authenticate, identityOf } from '@onbehalf/express'
import { describe, expect, it } from 'vitest'
import { serveWith } from '../../../test/adapters/support/http.ts'
import { resource } from '../../../test/adapters/support/identities.ts'
import { createCertificate } from './certificate.ts'
import { frameworks } from './frameworks.ts'

const server = createCertificate()
const gateway = createCertificate()
const authenticator = createAuthenticator({
  resource,
  sources: [
    plainHeaders({
      headers: { subject: 'x-user' },
      iss: 'https://gateway.example',
      proof: clientCertificate({ sha256: createHash('sha256').update(gateway.der).digest('hex') }),
    }),
  ],
})

describe.each(frameworks)('a client certificate on %s', (_name, framework) => {
  it('that TLS verified proves who the gateway is', async () => {
    expect(await call({ ca: gateway.cert, client: gateway })).toEqual([200, 'ada'])
  })

  it('that TLS could not verify proves nothing', async () => {
    expect(await call({ ca: server.cert, client: gateway })).toEqual([401, undefined])
  })

  it('of another party proves nothing', async () => {
    const other = createCertificate()
    expect(await call({ ca: other.cert, client: other })).toEqual([401, undefined])
  })

  it('that is absent proves nothing', async () => {
    expect(await call({ ca: gateway.cert, client: {} })).toEqual([401, undefined])
  })

  interface Call {
    /** What the server trusts. */
    readonly ca: string
    readonly client: { readonly cert?: string; readonly key?: string }
  }

  /** Status, and the person whom the handler saw. */
  async function call({ ca, client }: Call): Promise<unknown[]> {
    const app = framework()
    app.use(authenticate(authenticator), (req, res) => {
      res.json({ subject: identityOf(req)?.subject })
    })
    const { cert, key } = server
    const tls = { cert, key, ca, requestCert: true, rejectUnauthorized: false }
    const url = await serveWith(createServer(tls, app), 'https')
    return new Promise((resolve, reject) => {
      const options = {
        ...(client.cert !== undefined && { cert: client.cert }),
        ...(client.key !== undefined && { key: client.key }),
        ca: server.cert,
        // The certificate names no address: which server answers is not the matter here.
        checkServerIdentity: () => undefined,
        headers: { 'x-user': 'ada' },
        agent: false,
      }
      request(url, options, (response) => {
        const read = json(response) as Promise<{ subject?: string }>
        read.then(({ subject }) => resolve([response.statusCode, subject]), reject)
      })
        .on('error', reject)
        .end()
    })
  }
})
