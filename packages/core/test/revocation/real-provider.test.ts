import {
  type Authenticator,
  backChannelLogout,
  createAuthenticator,
  direct,
  introspected,
  issuer,
  memoryStore,
} from '@onbehalf/core'
import { expect, it } from 'vitest'
import {
  machine,
  type OpaqueIssuer,
  resourceServer,
  startOpaqueIssuer,
} from '../issuer/introspection/provider.ts'
import { resource } from '../support/world.ts'
import { serve } from './logout-server.ts'

it('a session that an oidc-provider ends stops at once on this server', async () => {
  let handle: (request: Request) => Promise<Response> = () => Promise.reject(new Error('early'))
  const { url } = await serve((request) => handle(request))
  const as = await startOpaqueIssuer({ logoutUri: url })
  const authenticator = createFor(as)
  handle = backChannelLogout({
    authenticator,
    issuer: issuer({ iss: as.name, audience: machine.id, kind: 'by-client' }),
    audience: machine.id,
    store: memoryStore(),
  })
  const [ended, other] = [await as.personToken('s-1'), await as.personToken('s-2')]
  expect(await verdict(authenticator, ended)).toBe('jane')

  await as.logOut('jane', 's-1')

  expect(await verdict(authenticator, ended)).toBe('revoked')
  expect(await verdict(authenticator, other)).toBe('jane')
})

function createFor(as: OpaqueIssuer): Authenticator<unknown> {
  const opaque = introspected({
    iss: as.name,
    endpoint: as.endpoint,
    clientId: resourceServer.id,
    clientSecret: resourceServer.secret,
    audience: resource,
    kind: 'by-client',
  })
  return createAuthenticator({ resource, sources: [direct({ issuer: opaque })] })
}

function verdict(authenticator: Authenticator<unknown>, token: string): Promise<string> {
  return authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } }).then(
    ({ subject }) => subject,
    (error: { reason: string }) => error.reason,
  )
}
