import type { LocalIssuer } from '@onbehalf/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  credentialsOf,
  GATEWAY,
  MCP,
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
  ada = await tokenOf(issuer, 'ada', { org_id: 'acme' })
})

afterAll(() => issuer.close())

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'close_books' } }

async function start(way: keyof ReturnType<typeof credentialsOf>) {
  const { endpoint, received } = await serveRecorder()
  const credential = credentialsOf(issuer)[way]
  return { ...(await startGateway(issuer, { endpoint, credential })), received }
}

describe('onHop', () => {
  it('tells what reached the gateway and what the target', async () => {
    const { gateway, url, hops } = await start('forwarding')
    await post(url, ada, { 'x-dropped': '1' }, CALL)
    const machine = await gateway.machineToken('server')
    const person = {
      subject: 'ada',
      client: 'app',
      audience: [GATEWAY],
      expiresAt: decodeJwt(ada).exp,
      claims: decodeJwt(ada),
    }
    expect(hops).toEqual([
      {
        target: 'server',
        httpMethod: 'POST',
        method: 'tools/call',
        tool: 'close_books',
        inbound: person,
        outbound: {
          headers: ['accept', 'authorization', 'content-type', 'x-user-token'],
          tokens: {
            authorization: {
              subject: 'gateway',
              client: 'gateway',
              audience: [MCP],
              expiresAt: decodeJwt(machine).exp,
              claims: decodeJwt(machine),
            },
            'x-user-token': person,
          },
        },
      },
    ])
  })

  it('never tells a token', async () => {
    const { gateway, url, hops } = await start('forwarding')
    await post(url, ada, { 'x-tenant-id': ada }, CALL)
    const told = JSON.stringify(hops)
    expect(hops).toHaveLength(1)
    for (const token of [ada, await gateway.machineToken('server')]) {
      expect(told).not.toContain(token)
      expect(told).not.toContain(token.split('.')[2])
    }
  })

  it('recognizes a token that the caller typed', async () => {
    const { url, hops } = await start('machine')
    const typed = await tokenOf(issuer, 'person-1')
    await post(url, ada, { 'x-user-token': `Bearer ${typed}`, 'x-tenant-id': 'acme' })
    expect(Object.keys(hops[0]?.outbound.tokens ?? {}).toSorted()).toEqual([
      'authorization',
      'x-user-token',
    ])
    expect(hops[0]?.outbound.tokens['x-user-token']?.subject).toBe('person-1')
  })

  it.each<[string, unknown, (string | undefined)[][]]>([
    [
      'every message of a batch',
      [CALL, { id: 2, method: 'ping' }],
      [
        ['tools/call', 'close_books'],
        ['ping', undefined],
      ],
    ],
    ['a response', { id: 1, result: {} }, [[undefined, undefined]]],
    ['a body that is not a message', null, [[undefined, undefined]]],
    ['senseless members', { method: 7, params: { name: {} } }, [[undefined, undefined]]],
    [
      'a body that is too long to look into',
      { method: 'x', y: 'y'.repeat(4_200_000) },
      [[undefined, undefined]],
    ],
  ])('reports %s', async (_case, body, expected) => {
    const { url, hops } = await start('passing')
    await post(url, ada, {}, body)
    expect(hops.map(({ method, tool }) => [method, tool])).toEqual(expected)
  })

  it('changes nothing for the caller when it throws', async () => {
    const { endpoint } = await serveRecorder()
    const credential = credentialsOf(issuer).passing
    const onHop = (): never => {
      throw new Error('no printer')
    }
    const { url, errors } = await startGateway(issuer, { endpoint, credential }, { onHop })
    expect((await post(url, ada)).status).toBe(200)
    expect(errors).toMatchObject([{ message: 'no printer' }])
  })
})
