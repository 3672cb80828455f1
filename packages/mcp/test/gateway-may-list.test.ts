import { toNodeHandler } from '@modelcontextprotocol/node'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import {
  type Authenticator,
  type Claims,
  createAuthenticator,
  enriched,
  forwarded,
  type IdentityParts,
} from '@onbehalf/core'
import { protect, protectedHandler, requireOrg, requireUser } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { callers, makeIdentity, resource } from './support/callers.ts'
import { type Handle, host, type Posted, post } from './support/http-host.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation, generations, list, names, reasonOf, wire } from './support/raw.ts'
import { mintToken, people, services, start } from './support/tokens.ts'

const now = () => start
const header = 'x-user-token'

function createServer(generation: Generation): AnyServer {
  const server = makeServer(generation)
  const run = async () => reply('ran')
  server.registerTool('of_acme', { inputSchema: nothing }, requireOrg('acme', run))
  server.registerTool('of_users', { inputSchema: nothing }, requireUser(run))
  const read = requireOrg('acme', async () => ({ contents: [] }))
  server.registerResource('note', 'note://acme', {}, read)
  return server
}

function served(generation: Generation, authenticator: Authenticator<unknown>): Handle {
  const options = { authenticator, clock: now }
  if (generation === 'v2') {
    const create = () => createServer('v2') as unknown as McpServer
    const handle = toNodeHandler(protectedHandler(createMcpHandler, create, options))
    return (req, res, body) => handle(req as never, res as never, body)
  }
  return async (req, res, body) => {
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    await protect(createServer('v1'), options).connect(transport as never)
    await transport.handleRequest(req as never, res, body)
  }
}

type Kind = 'forwarded' | 'enriched' | 'enriched in a header'

function authenticatorOf(kind: Kind, gatewayMayList?: boolean): Authenticator<unknown> {
  const may = gatewayMayList === undefined ? {} : { gatewayMayList }
  const inClaim = { issuer: services, userClaim: 'onBehalfOf', clients: ['gateway'], ...may }
  const source = {
    forwarded: () =>
      forwarded({ header, issuer: people, gateway: services, bind: 'audience', ...may }),
    enriched: () => enriched(inClaim),
    'enriched in a header': () => enriched({ ...inClaim, header }),
  }[kind]()
  return createAuthenticator({ resource, clock: now, sources: [source] })
}

const token = (claims: Claims): string => mintToken({ iat: start, exp: start + 300, ...claims })
const serviceToken = (client: string, claims: Claims = {}): string =>
  token({ sub: client, client_id: client, ...claims })
const eve = { sub: 'eve', org_id: 'globex' }

const kinds: readonly Kind[] = ['forwarded', 'enriched', 'enriched in a header']
const rows = kinds.flatMap((kind) => generations.map((generation) => [kind, generation] as const))

describe.each(rows)('a gateway without a user, %s, SDK %s', (kind, generation) => {
  async function send(
    message: object,
    authorization: string,
    more: Readonly<Record<string, string>> = {},
    gatewayMayList: boolean | undefined = true,
  ): Promise<Posted> {
    const open = await host(served(generation, authenticatorOf(kind, gatewayMayList)))
    onTestFinished(() => open.close())
    return post(open.url, message, { authorization: `Bearer ${authorization}`, ...more })
  }

  const firstOf = ({ messages: [first] }: Posted) => first ?? {}

  test('sees every tool and resource', async () => {
    expect(names(firstOf(await send(list(1), serviceToken('gateway'))))).toEqual([
      'of_acme',
      'of_users',
    ])
    const resources = { jsonrpc: '2.0', id: 1, method: 'resources/list', params: {} }
    expect((await send(resources, serviceToken('gateway'))).text).toContain('note://acme')
  })

  test.each([
    ['of_acme', 'org_missing'],
    ['of_users', 'user_required'],
  ])('may not call %s', async (name, reason) => {
    expect(reasonOf(firstOf(await send(call(1, name), serviceToken('gateway'))))).toBe(reason)
  })

  test.each([undefined, false])('is refused where gatewayMayList is %s', async (may) => {
    const open = await host(served(generation, authenticatorOf(kind, may)))
    onTestFinished(() => open.close())
    const authorization = `Bearer ${serviceToken('gateway')}`
    expect((await post(open.url, list(1), { authorization })).status).toBe(401)
  })

  test('does not lend its view to the user whom it brings', async () => {
    const claims = { 'onbehalf.gatewayMayList': true, gatewayMayList: true, kind: 'service' }
    const user = { ...eve, ...claims }
    const inHeader = { forwarded: token(user), enriched: undefined }
    const beside =
      kind === 'enriched in a header'
        ? serviceToken('gateway', { onBehalfOf: user })
        : inHeader[kind]
    const own = serviceToken('gateway', kind === 'enriched' ? { onBehalfOf: user } : {})
    const answer = await send(list(1), own, beside === undefined ? {} : { [header]: beside })
    expect(names(firstOf(answer))).toEqual(['of_users'])
  })

  test.skipIf(kind === 'forwarded')('shows no more to a client that may not vouch', async () => {
    expect(names(firstOf(await send(list(1), serviceToken('reports'))))).toEqual([])
  })
})

const gateway = { issuer: 'https://machines.example', client: 'gateway' }
const alone: Partial<IdentityParts> = {
  kind: 'service',
  subject: 'gateway',
  client: 'gateway',
  source: 'forwarded',
  gateway,
}
const mark = { [Symbol.for('onbehalf.gatewayMayList')]: true }
callers.set('gateway', makeIdentity({ ...alone, ...mark }))
callers.set('lateGateway', makeIdentity({ ...alone, ...mark, expiresAt: 1 }))
callers.set('unmarkedGateway', makeIdentity(alone))
callers.set('markedUser', makeIdentity({ ...mark, source: 'forwarded', gateway }))

describe.each(generations)('a list of a %s server', (generation) => {
  test.each([
    ['everything to a gateway that may list', 'gateway', ['of_acme', 'of_users']],
    ['nothing to one whose identity has expired', 'lateGateway', []],
    ['what it may call to one that its source did not mark', 'unmarkedGateway', []],
    ['what they may call to a user, marked or not', 'markedUser', ['of_users']],
    ['nothing without an identity', undefined, []],
  ])('shows %s', async (_what, caller, expected) => {
    const line = await wire(generation, protect(createServer(generation)))
    expect(names(await line.ask(list(1), caller))).toEqual(expected)
  })
})
