import { afterEach, expect, it, vi } from 'vitest'
import { GATEWAY, MCP, post, startIssuer } from './fixture.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

// The only test of this file: oidc-provider prints some notices once per process.
it('prints nothing, from the first start through every kind of request to the end', async () => {
  const printed = [
    ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name)),
    vi.spyOn(process.stdout, 'write'),
    vi.spyOn(process.stderr, 'write'),
  ]
  const issuer = await startIssuer()
  await fetch(`${issuer.issuer}/.well-known/openid-configuration`)
  await fetch(issuer.jwksUri)
  const { accessToken } = await issuer.signIn({ user: 'ada', resource: GATEWAY })
  await issuer.clientCredentials({ client: 'gateway' })
  await issuer.exchange({ client: 'gateway', subjectToken: accessToken, resource: MCP })
  await post(issuer, { grant_type: 'client_credentials' }, 'Basic !')
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'gateway' })
  const headers = { origin: 'https://inspector.example' }
  await fetch(issuer.tokenEndpoint, { method: 'POST', body, headers })
  await fetch(issuer.authorizationEndpoint, { headers: { accept: 'text/html' } })
  await fetch(`${issuer.issuer}/nothing-here`)
  await fetch(`${issuer.issuer}/interaction/none`)
  await issuer.rotateKeys()
  await issuer.close()
  expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([])
})
