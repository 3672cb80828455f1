import type { LocalIssuer } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { credentialsOf, serve, serveRecorder, startGateway, startIssuer } from './fixture.ts'
import { generations } from './servers.ts'

let issuer: LocalIssuer

beforeAll(async () => {
  issuer = await startIssuer()
})

afterAll(() => issuer.close())

/** A server that answers each method from a table. */
function serveAnswers(
  answers: Record<string, (message: { id: number; params: { cursor?: string } }) => unknown>,
): Promise<string> {
  return serve(async (req, res) => {
    const text = Buffer.concat(await req.toArray()).toString()
    const message = JSON.parse(text) as { id: number; method: string; params: object }
    const result = answers[message.method]?.(message)
    res.setHeader('content-type', 'application/json')
    if (message.id === undefined) res.writeHead(202).end()
    else res.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...(result as object) }))
  })
}

const initialize = () => ({ result: { protocolVersion: '2025-06-18', capabilities: {} } })

describe('listTools', () => {
  it('initializes a session, lists over its event stream, and ends it', async () => {
    const [{ startServer }] = generations as [(typeof generations)[0]]
    const { endpoint, sessions } = await startServer()
    const credential = credentialsOf(issuer).forwarding
    const { gateway, hops } = await startGateway(issuer, { endpoint, credential })
    const tools = await gateway.listTools('server')
    expect(tools.map(({ name }) => name)).toEqual(['whoami', 'steps'])
    expect(tools[0]).toMatchObject({ inputSchema: { required: ['note'] } })
    expect(hops.map(({ httpMethod, method }) => [httpMethod, method])).toEqual([
      ['POST', 'initialize'],
      ['POST', 'notifications/initialized'],
      ['POST', 'tools/list'],
      ['DELETE', undefined],
    ])
    expect(sessions.size).toBe(0)
  })

  it.each(['machine', 'forwarding', 'enriching', 'exchanging'] as const)(
    'has the machine token and no person, %s',
    async (way) => {
      const { endpoint, received } = await serveRecorder()
      const credential = credentialsOf(issuer)[way]
      const { gateway, hops } = await startGateway(issuer, { endpoint, credential })
      await expect(gateway.listTools('server')).rejects.toBeInstanceOf(Error)
      const headers = received[0]?.headers ?? {}
      expect(headers).not.toHaveProperty('x-user-token')
      const claims = decodeJwt(`${headers.authorization?.slice('Bearer '.length)}`)
      expect(claims).toMatchObject({ sub: 'gateway', onBehalfOf: {} })
      expect(claims).not.toHaveProperty('act')
      expect(hops[0]).toMatchObject({ inbound: undefined, method: 'initialize' })
    },
  )

  it('reads all pages', async () => {
    const endpoint = await serveAnswers({
      initialize,
      'tools/list': ({ params: { cursor } }) =>
        cursor === undefined
          ? { result: { tools: [{ name: 'one' }], nextCursor: 'next' } }
          : { result: { tools: [{ name: `after ${cursor}` }] } },
    })
    const credential = credentialsOf(issuer).machine
    const { gateway } = await startGateway(issuer, { endpoint, credential })
    expect(await gateway.listTools('server')).toEqual([{ name: 'one' }, { name: 'after next' }])
  })

  it('does not follow pages without end', async () => {
    let pages = 0
    const page = () => ({ result: { tools: [], nextCursor: `${(pages += 1)}` } })
    const endpoint = await serveAnswers({ initialize, 'tools/list': page })
    const credential = credentialsOf(issuer).machine
    const { gateway } = await startGateway(issuer, { endpoint, credential })
    await expect(gateway.listTools('server')).rejects.toThrow('does not stop')
    expect(pages).toBe(100)
  })

  it('fails when the server refuses', async () => {
    const endpoint = await serve((_req, res) => res.writeHead(401).end())
    const credential = credentialsOf(issuer).machine
    const { gateway } = await startGateway(issuer, { endpoint, credential })
    await expect(gateway.listTools('server')).rejects.toThrow(
      'the target answered with HTTP status 401',
    )
  })

  it('fails when the server answers with an error', async () => {
    const refuse = () => ({ error: { code: -32_600, message: 'no' } })
    const endpoint = await serveAnswers({ initialize, 'tools/list': refuse })
    const credential = credentialsOf(issuer).machine
    const { gateway } = await startGateway(issuer, { endpoint, credential })
    await expect(gateway.listTools('server')).rejects.toThrow('the target answered with an error')
  })

  it('has no credential for a target with passthrough', async () => {
    const { endpoint, received } = await serveRecorder()
    const credential = credentialsOf(issuer).passing
    const { gateway } = await startGateway(issuer, { endpoint, credential })
    await expect(gateway.listTools('server')).rejects.toBeInstanceOf(TypeError)
    expect(received).toEqual([])
  })
})
