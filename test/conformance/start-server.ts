import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditTrail, fileSink } from '@onbehalf/audit'
import { createAuthenticator, forwarded, issuer } from '@onbehalf/core'
import { createLocalIssuer } from '@onbehalf/testing'
import express, { type RequestHandler } from 'express'
import { startGateway } from './gateway.ts'
import { bare, type Guarding, guardedBy } from './guarding.ts'
import { listen, type Running } from './listen.ts'

/** Makes the everything server of one SDK generation, as handlers for its endpoint. */
export type Serve = (guarding: Guarding) => readonly RequestHandler[]

export interface Guarded extends Running {
  /** Where the server is, for those who do not go through the gateway. */
  readonly serverUrl: URL
}

/** The server alone. */
export function startBare(serve: Serve): Promise<Running> {
  return start(serve, bare)
}

/**
 * The same server with Onbehalf, behind a gateway that calls it for a person who signed in: Ada, who
 * may do everything, or Eve of another organization.
 */
export async function startGuarded(serve: Serve, user: 'ada' | 'eve' = 'ada'): Promise<Guarded> {
  const resource = 'https://mcp.example.com/mcp'
  const gateway = { id: 'gateway', secret: 'gateway-secret', uri: 'https://gateway.example.com' }
  const local = await createLocalIssuer({
    accessTokenSeconds: 3600,
    users: [
      { id: 'ada', organization: { id: 'acme' }, roles: ['tester'] },
      { id: 'eve', organization: { id: 'globex' } },
    ],
    clients: [
      { id: 'desktop', resources: [gateway.uri] },
      { ...gateway, resources: [resource] },
    ],
    resources: [{ uri: gateway.uri }, { uri: resource }],
  })
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-conformance-'))
  const audit = createAuditTrail({
    mode: 'strict',
    key: Buffer.alloc(32, 1),
    sink: fileSink({ directory, signer: null }),
  })
  const authenticator = createAuthenticator({
    resource,
    audit,
    sources: [
      forwarded({
        header: 'x-user-token',
        issuer: issuer({ iss: local.issuer, audience: gateway.uri, kind: 'by-client' }),
        gateway: issuer({
          iss: local.issuer,
          audience: resource,
          kind: 'by-client',
          clients: [gateway.id],
        }),
        bind: 'trust-gateway',
      }),
    ],
  })
  const server = await start(serve, guardedBy(authenticator, audit))
  const machine = await local.clientCredentials({ client: gateway.id })
  const person = await local.signIn({ user })
  const front = await startGateway(server.url, {
    authorization: `Bearer ${machine.accessToken}`,
    'x-user-token': person.accessToken,
  })
  const close = async () => {
    for (const one of [front, server, audit, local]) await one.close()
    rmSync(directory, { recursive: true })
  }
  return { url: front.url, serverUrl: server.url, close }
}

function start(serve: Serve, guarding: Guarding): Promise<Running> {
  const app = express()
  app.all('/mcp', ...guarding.middleware, ...serve(guarding))
  return listen(createServer(app))
}
