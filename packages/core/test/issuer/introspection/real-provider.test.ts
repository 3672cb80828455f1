import { randomUUID } from 'node:crypto'
import { direct, dpop, type IntrospectionOptions, introspected, memoryStore } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { createHolder, dpopHeaders } from '../../proof-of-possession/holder.ts'
import { startResourceServer } from '../../support/resource-server.ts'
import { resource } from '../../support/world.ts'
import { machine, type OpaqueIssuer, resourceServer, startOpaqueIssuer } from './provider.ts'

async function start(as: OpaqueIssuer, options: Partial<IntrospectionOptions> = {}) {
  const issuer = introspected({
    iss: as.name,
    endpoint: as.endpoint,
    clientId: resourceServer.id,
    clientSecret: resourceServer.secret,
    audience: resource,
    kind: 'by-client',
    cacheSeconds: 0,
    // Tokens of client credentials have no subject there: their subject is the client.
    claimMap: { subject: (claims) => claims['sub'] ?? claims['client_id'] },
    ...options,
  })
  const server = await startResourceServer({
    sources: [direct({ issuer })],
    confirmations: [dpop({ store: memoryStore() })],
    clock: () => Date.now() / 1000,
  })
  const verdict = (token: string) =>
    server.verdict({ headers: { authorization: `Bearer ${token}` } })
  return { server, verdict }
}

describe('the opaque tokens of an oidc-provider', () => {
  it('give a person', async () => {
    const as = await startOpaqueIssuer()
    const server = await start(as)
    expect(await server.verdict(await as.personToken())).toMatchObject({
      kind: 'user',
      issuer: as.name,
      subject: 'jane',
      client: machine.id,
      scopes: ['notes:read'],
    })
  })

  it('give a machine', async () => {
    const as = await startOpaqueIssuer()
    const { access_token: token } = await as.machineToken()
    expect(await (await start(as)).verdict(token)).toMatchObject({
      kind: 'service',
      subject: machine.id,
    })
  })

  it('are refused from the moment they are withdrawn', async () => {
    const as = await startOpaqueIssuer()
    const server = await start(as)
    const token = await as.personToken()
    expect(await server.verdict(token)).toMatchObject({ subject: 'jane' })
    await as.withdraw(token)
    expect(await server.verdict(token)).toEqual({ status: 401, reason: 'inactive' })
  })

  it('are refused when they were made up', async () => {
    const server = await start(await startOpaqueIssuer())
    expect(await server.verdict('made-up')).toEqual({ status: 401, reason: 'inactive' })
  })

  it('are refused when they are for another server', async () => {
    const as = await startOpaqueIssuer()
    const server = await start(as, { audience: 'https://other.example.com' })
    expect(await server.verdict(await as.personToken())).toEqual({
      status: 401,
      reason: 'audience',
    })
  })

  it('are not refresh tokens, although the endpoint calls those active', async () => {
    const as = await startOpaqueIssuer()
    const token = await as.refreshToken()
    expect(await (await start(as)).verdict(token)).toEqual({
      status: 401,
      reason: 'audience_missing',
    })
    const lenient = await start(as, { audience: null, clients: machine.id })
    expect(await lenient.verdict(token)).toEqual({ status: 401, reason: 'token_type' })
  })

  it('cannot be read with a wrong secret, which is not the fault of the caller', async () => {
    const as = await startOpaqueIssuer()
    const server = await start(as, { clientSecret: 'wrong' })
    expect(await server.verdict(await as.personToken())).toEqual({
      status: 503,
      reason: 'introspection_status_401',
    })
  })

  it('are accepted with a proof where they are bound by DPoP, and never without', async () => {
    const as = await startOpaqueIssuer()
    const { server, verdict } = await start(as)
    const holder = await createHolder()
    const iat = Math.floor(Date.now() / 1000)
    const atIssuer = { htu: `${as.name}/token`, iat, jti: randomUUID(), ath: undefined }
    const { access_token: token } = await as.machineToken(holder.proof('', { claims: atIssuer }))
    const headers = dpopHeaders(token, holder.proof(token, { claims: { iat } }))
    expect(await server.verdict({ headers })).toMatchObject({ subject: machine.id })
    expect(await verdict(token)).toEqual({ status: 401, reason: 'sender_constrained' })
  })
})
