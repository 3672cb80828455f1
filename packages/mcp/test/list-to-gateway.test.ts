import type { IdentityParts } from '@onbehalf/core'
import { protect, requireOrg } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { callers, makeIdentity } from './support/callers.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, list, names, reasonOf, type Wire, wire } from './support/raw.ts'

const gateway = { issuer: 'https://machines.example', client: 'gateway' }
const alone: Partial<IdentityParts> = {
  kind: 'service',
  subject: 'gateway',
  client: 'gateway',
  source: 'forwarded',
  gateway,
}
callers.set('gateway', makeIdentity(alone))
callers.set('lateGateway', makeIdentity({ ...alone, expiresAt: 1 }))
callers.set('personByGateway', makeIdentity({ source: 'forwarded', gateway }))

describe.each(generations)('listToGateway of a %s server', (generation) => {
  async function connect(listToGateway?: boolean): Promise<Wire> {
    const server = protect(
      makeServer(generation),
      listToGateway === undefined ? {} : { listToGateway },
    )
    server.registerTool(
      'secret',
      { inputSchema: nothing },
      requireOrg(async (_args: object) => reply('secret')),
    )
    return wire(generation, server)
  }

  async function listed(caller: string | undefined, listToGateway?: boolean): Promise<string[]> {
    const line = await connect(listToGateway)
    return names(await line.ask(list(1), caller))
  }

  test('shows every tool to a gateway without a person', async () => {
    expect(await listed('gateway', true)).toEqual(['secret'])
  })

  test('lets a gateway without a person call none of them', async () => {
    const line = await connect(true)
    expect(reasonOf(await line.ask(call(1, 'secret'), 'gateway'))).toBe('org_missing')
  })

  test('is off unless the server says so', async () => {
    expect(await listed('gateway')).toEqual([])
  })

  test.each([
    ['a person behind the gateway', 'personByGateway'],
    ['a machine that is not a gateway', 'robot'],
    ['a gateway whose identity has expired', 'lateGateway'],
    ['nobody', undefined],
  ])('shows nothing more to %s', async (_who, caller) => {
    expect(await listed(caller, true)).toEqual([])
  })
})
