import type { LocalIssuer, RequestInterceptor } from '@onbehalf/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  credentialsOf,
  post,
  serveRecorder,
  startGateway,
  startIssuer,
  tokenOf,
} from './fixture.ts'

let issuer: LocalIssuer
let ada: string

beforeAll(async () => {
  issuer = await startIssuer()
  ada = await tokenOf(issuer, 'ada')
})

afterAll(() => issuer.close())

const passing =
  (headers: object, body?: unknown): RequestInterceptor =>
  ({ mcp }) => ({
    interceptorOutputVersion: '1.0',
    mcp: {
      transformedGatewayRequest: { headers, body: body ?? mcp.gatewayRequest.body },
    },
  })

async function start(interceptor: RequestInterceptor, type: 'machine' | 'none' = 'machine') {
  const { endpoint, received } = await serveRecorder()
  const credential = type === 'none' ? ({ type } as const) : credentialsOf(issuer).machine
  const started = await startGateway(issuer, { endpoint, credential }, { interceptor })
  return { ...started, received }
}

const find = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'find' } }

describe('an interceptor', () => {
  it('gets the event of AgentCore Gateway, with the tool behind its target', async () => {
    const events: unknown[] = []
    const { url } = await start((event) => {
      events.push(event)
      return passing({})(event)
    })
    await post(url, ada, { 'X-Tenant-Id': 'typed' }, find)
    expect(events).toEqual([
      {
        interceptorInputVersion: '1.0',
        mcp: {
          rawGatewayRequest: { body: JSON.stringify(find) },
          gatewayRequest: {
            path: '/mcp',
            httpMethod: 'POST',
            headers: expect.objectContaining({
              authorization: `Bearer ${ada}`,
              'x-tenant-id': 'typed',
            }) as unknown,
            body: { ...find, params: { name: 'server___find' } },
            context: null,
          },
          gatewayResponse: null,
        },
      },
    ])
  })

  it('writes allowed headers over those of the caller, and no others', async () => {
    const headers = { 'X-Tenant-Id': 'acme', 'X-Other': 'x', Authorization: 'Bearer x' }
    const { url, received, hops } = await start(passing(headers))
    await post(url, ada, { 'x-tenant-id': 'typed' }, find)
    expect(received[0]?.headers).toMatchObject({ 'x-tenant-id': 'acme' })
    expect(received[0]?.headers).not.toHaveProperty('x-other')
    expect(received[0]?.headers.authorization).not.toBe('Bearer x')
    expect(JSON.parse(received[0]?.body ?? '')).toEqual(find)
    expect(hops[0]).toMatchObject({ method: 'tools/call', tool: 'find' })
  })

  it('writes Authorization where the gateway has no credential, and nobody else does', async () => {
    const { url, received } = await start(passing({ Authorization: 'Bearer x' }), 'none')
    await post(url, ada, {}, find)
    expect(received[0]?.headers.authorization).toBe('Bearer x')
    const without = await start(passing({}), 'none')
    await post(without.url, ada, {}, find)
    expect(without.received[0]?.headers).not.toHaveProperty('authorization')
  })

  it('sees requests without a message too', async () => {
    const { url, received } = await start(passing({ 'x-tenant-id': 'acme' }))
    const authorization = `Bearer ${ada}`
    await fetch(url, { method: 'DELETE', headers: { authorization, 'x-tenant-id': 'typed' } })
    expect(received).toMatchObject([{ method: 'DELETE', headers: { 'x-tenant-id': 'acme' } }])
  })

  it('can answer in place of the target', async () => {
    const body = { jsonrpc: '2.0', id: 7, error: { code: -32603, message: 'not allowed' } }
    const transformedGatewayResponse = { statusCode: 403, body }
    const { url, received } = await start(() => ({
      interceptorOutputVersion: '1.0',
      mcp: { transformedGatewayResponse, transformedGatewayRequest: { headers: {} } },
    }))
    const response = await post(url, ada, {}, find)
    expect([response.status, await response.json()]).toEqual([403, body])
    expect(received).toEqual([])
  })

  it.each<[string, RequestInterceptor]>([
    [
      'throws',
      () => {
        throw new Error('secret')
      },
    ],
    ['answers nothing', () => undefined],
    ['answers in another version', () => ({ interceptorOutputVersion: '2.0', mcp: {} })],
    ['answers neither', () => ({ interceptorOutputVersion: '1.0', mcp: {} })],
    ['changes the target', passing({}, { ...find, params: { name: 'other___find' } })],
  ])('that %s stops the call', async (_name, interceptor) => {
    const { url, received, errors } = await start(interceptor)
    const response = await post(url, ada, {}, find)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
    expect(errors).toHaveLength(1)
    expect(received).toEqual([])
  })

  it('is not asked about callers whom the gateway refuses', async () => {
    const { url, errors } = await start(() => {
      throw new Error('asked')
    })
    expect((await post(url, undefined, {}, find)).status).toBe(401)
    expect(errors).toEqual([])
  })
})
