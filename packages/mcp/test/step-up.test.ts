import { role, scope, user } from '@onbehalf/core/guards'
import { allowPublic, type ProtectOptions, protect, requireAll, requireScope } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { callers, makeIdentity } from './support/callers.ts'
import { httpWays, serve } from './support/http-ways.ts'
import { type AnyServer, makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, list, type Message, names, type Wire, wire } from './support/raw.ts'

const rules = [
  { kind: 'tool', name: 'health', guard: 'public' },
  { kind: 'tool', guard: scope('pay') },
] as const

describe.each(httpWays({ options: { rules } }))('step-up over $way', ({ handle, send }) => {
  const ask = async (name: string) => send(await serve(handle), call(1, name), 'bob')

  test('names what is granted beside what is needed', async () => {
    const { status, headers } = await ask('person')
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toContain('scope="notes:read pay"')
  })

  test.each(['no_such_tool', '__proto__', ''])(
    'is not asked for a tool that is not there: %j',
    async (name) => {
      const { status, headers, text } = await ask(name)
      expect(status).not.toBe(403)
      expect(headers.get('www-authenticate')).toBeNull()
      expect(text).not.toContain('scope')
    },
  )
})

describe.each(generations)('consent on a %s server', (generation) => {
  function build(options: ProtectOptions = {}): AnyServer {
    const server = protect(makeServer(generation), options)
    const tool = (name: string, handler: unknown, meta: object = {}) =>
      server.registerTool(name, { inputSchema: nothing, ...meta }, handler as never)
    const run = async (_args: object) => reply('ran')
    tool('pay', requireScope('pay', run))
    tool('both', requireAll([user(), scope(['pay', 'audit'])], run))
    tool('operate', requireAll([role('operator'), scope('pay')], run))
    tool('health', allowPublic(run))
    tool('own', requireScope('pay', run), { _meta: { securitySchemes: [{ type: 'noauth' }] } })
    server.registerResource(
      'ledger',
      'ledger://acme',
      {},
      requireScope('pay', (async () => ({
        contents: [],
      })) as never) as never,
    )
    return server
  }

  const entriesOf = ({ result }: Message) => result?.['tools'] as readonly Record<string, unknown>[]

  test('lists what only a scope is missing for', async () => {
    const line = await wire(generation, build())
    expect(names(await line.ask(list(1), 'bob'))).toEqual(['both', 'health', 'own', 'pay'])
    // Neither a machine nor a caller without a role can be helped by consent.
    expect(names(await line.ask(list(2), 'robot'))).toEqual(['health', 'own', 'pay'])
    expect(names(await line.ask(list(3)))).toEqual(['health'])
    const resources = { jsonrpc: '2.0', id: 4, method: 'resources/list', params: {} }
    expect((await line.ask(resources, 'bob')).result?.['resources']).toHaveLength(1)
  })

  test.each<ProtectOptions>([{ hideUnconsented: true }, { hideRefused: true }])(
    'leaves it out where that is asked for: %o',
    async (options) => {
      const line = await wire(generation, build(options))
      const answer = await line.ask(list(1), 'bob')
      expect(names(answer)).toEqual(['health'])
      expect(JSON.stringify(answer)).not.toContain('securitySchemes')
    },
  )

  test('says in lists which scopes a tool asks for, as ChatGPT reads it', async () => {
    const line = await wire(generation, build())
    const shown = entriesOf(await line.ask(list(1), 'bob'))
    const schemes = new Map(shown.map((it) => [it['name'], [it['securitySchemes'], it['_meta']]]))
    const pay = [{ type: 'oauth2', scopes: ['pay'] }]
    const both = [{ type: 'oauth2', scopes: ['pay', 'audit'] }]
    expect(schemes.get('pay')).toEqual([pay, { securitySchemes: pay }])
    expect(schemes.get('both')).toEqual([both, { securitySchemes: both }])
    expect(schemes.get('health')).toEqual([undefined, undefined])
    expect(schemes.get('own')).toEqual([undefined, { securitySchemes: [{ type: 'noauth' }] }])
  })

  test('says in lists which tools guests may call', async () => {
    const line = await wire(generation, build({ guests: true }))
    const [health] = entriesOf(await line.ask(list(1)))
    expect(health).toMatchObject({ name: 'health', securitySchemes: [{ type: 'noauth' }] })
  })

  test('announces that lists may have changed once the caller has other grants', async () => {
    const base = { organization: { id: 'acme', roles: ['member'] } }
    const as = (name: string, parts: object) =>
      callers.set(name, makeIdentity({ ...base, ...parts }))
    as('first', { scopes: ['read'] })
    as('renewed', { scopes: ['read'] })
    as('consented', { scopes: ['read', 'pay'] })
    as('promoted', { scopes: ['read', 'pay'], roles: ['operator'] })
    as('another', { subject: 'another', scopes: [] })
    const line = await wire(generation, build())
    const heard = async (caller?: string): Promise<string[]> => {
      line.received.length = 0
      await line.ask(list(caller ?? 'guest'), caller)
      await line.settle()
      return changesIn(line)
    }
    const all = ['notifications/resources/list_changed', 'notifications/tools/list_changed']
    expect(await heard('first')).toEqual([])
    expect(await heard('renewed')).toEqual([])
    expect(await heard('consented')).toEqual(all)
    expect(await heard()).toEqual([])
    expect(await heard('promoted')).toEqual(all)
    // Whose lists they are, nobody else learns.
    expect(await heard('another')).toEqual([])
  })
})

function changesIn({ received }: Wire): string[] {
  return received.flatMap(({ method }) => (method?.endsWith('list_changed') ? [method] : [])).sort()
}
