import { createLocalIssuer, type LocalIssuer } from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

const GATEWAY = 'https://gateway.example.com'

let people: LocalIssuer
let token: string
const log: string[] = []

beforeAll(async () => {
  people = await createLocalIssuer({
    users: [{ id: 'ada', organization: { id: 'acme' } }],
    clients: [{ id: 'web' }],
    resources: [{ uri: GATEWAY }],
  })
  token = (await people.signIn({ user: 'ada' })).accessToken
  const settings = {
    PEOPLE_ISSUER: people.issuer,
    PEOPLE_AUDIENCE: GATEWAY,
    VOUCHING_CLIENTS: '7gatewayclientid00example',
    MODE: 'header',
    TARGET: 'invoices',
  }
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
  vi.spyOn(console, 'log').mockImplementation((line: string) => void log.push(line))
})
afterAll(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await people.close()
})

describe('the function', () => {
  it('of the trigger starts with its settings, and writes the user into a token', async () => {
    const { handler } = await import('../src/pre-token-trigger.ts')
    const { response } = await handler({
      version: '3',
      triggerSource: 'TokenGeneration_ClientCredentials',
      callerContext: { clientId: '7gatewayclientid00example' },
      request: { clientMetadata: { onBehalfOfToken: token } },
      response: {},
    })
    expect(JSON.stringify(response)).toContain('"onBehalfOf":{"sub":"ada"')
  })

  it('of the interceptor starts with its settings, and forwards the token', async () => {
    const { handler } = await import('../src/request-interceptor.ts')
    const body = {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'invoices___list' },
    }
    const headers = { authorization: `Bearer ${token}`, 'x-user-token': 'typed' }
    const gatewayRequest = { path: '/mcp', httpMethod: 'POST', headers, body }
    const answer = await handler({ interceptorInputVersion: '1.0', mcp: { gatewayRequest } })
    expect(answer).toEqual({
      interceptorOutputVersion: '1.0',
      mcp: { transformedGatewayRequest: { headers: { 'x-user-token': token }, body } },
    })
  })

  it('logs what it did, and no part of a token', () => {
    expect(log.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
      expect.arrayContaining(['user', 'passed']),
    )
    const parts = token.split('.').filter((part) => log.join('').includes(part))
    expect(parts).toEqual([])
  })
})
