import { setTimeout as delay } from 'node:timers/promises'
import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  completable as completableV2,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import { currentIdentity, identityOf, protect } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, type Generation, generations, type Wire, wire } from './support/raw.ts'

const who = (): string => currentIdentity()?.subject ?? 'nobody'

/** A server of which every callback says whom it runs for. */
async function connect(generation: Generation): Promise<Wire> {
  const server = protect(makeServer(generation), { trackIdentity: true })
  const Template = generation === 'v1' ? TemplateV1 : (TemplateV2 as unknown as typeof TemplateV1)
  const completable = generation === 'v1' ? completableV1 : (completableV2 as typeof completableV1)
  const shape = { topic: completable(z.string(), async () => later()) }
  const argsSchema = generation === 'v1' ? shape : z.object(shape)
  const template = new Template('file:///{name}', {
    list: async (ctx) => {
      const description = identityOf(ctx)?.subject ?? 'nobody in the context'
      return { resources: [{ name: await later().then(String), description, uri: 'file:///a' }] }
    },
    complete: { name: () => later() },
  })
  const later = async (): Promise<string[]> => {
    await delay(2)
    return [who()]
  }
  const read = async (uri: URL) => ({ contents: [{ uri: uri.href, text: who() }] })
  server.registerResource('note', 'note://today', {}, read)
  server.registerResource('files', template, {}, read)
  server.registerPrompt(
    'ask',
    { argsSchema } as never,
    (async () => ({
      messages: [{ role: 'user', content: { type: 'text', text: who() } }],
    })) as never,
  )
  server.registerTool('elicit', { inputSchema: nothing }, async () => {
    const before = who()
    const requestedSchema = { type: 'object' as const, properties: {} }
    await server.server.elicitInput({ message: 'Sure?', requestedSchema })
    await delay(1)
    return reply(`${before} ${who()}`)
  })
  server.registerTool('progress', { inputSchema: nothing }, async () => {
    await server.server.notification({
      method: 'notifications/progress',
      params: { progressToken: 1, progress: 1, message: who() },
    })
    const timer = await new Promise<string>((resolve) => setTimeout(() => resolve(who()), 1))
    const tick = await new Promise<string>((resolve) => process.nextTick(() => resolve(who())))
    return reply([timer, tick].join(' '))
  })
  return wire(generation, server)
}

const ref = { type: 'ref/prompt', name: 'ask' }
const template = { type: 'ref/resource', uri: 'file:///{name}' }

describe.each(generations)('currentIdentity below a %s server', (generation) => {
  test.each([
    ['resources/read', { uri: 'note://today' }],
    ['resources/read', { uri: 'file:///a' }],
    ['resources/list', {}],
    ['prompts/get', { name: 'ask', arguments: { topic: 'a' } }],
    ['completion/complete', { ref, argument: { name: 'topic', value: '' } }],
    ['completion/complete', { ref: template, argument: { name: 'name', value: '' } }],
  ])('knows whom %s is for: %j', async (method, params) => {
    const line = await connect(generation)
    const people = ['ada', 'eve', 'bob', 'robot']
    const answers = await Promise.all(
      people.map((name, id) => line.ask({ jsonrpc: '2.0', id, method, params }, name)),
    )
    for (const [index, { result }] of answers.entries()) {
      expect(JSON.stringify(result)).not.toContain('nobody')
      const others = people.filter((_, other) => other !== index)
      expect(JSON.stringify(result)).toContain(`"${people[index]}"`)
      for (const other of others) expect(JSON.stringify(result)).not.toContain(`"${other}"`)
    }
  })

  test('outlasts a question to the caller, which nobody else may answer', async () => {
    const line = await connect(generation)
    const answer = line.ask(call(1, 'elicit'), 'ada')
    await line.settle()
    const asked = line.received.find(({ method }) => method === 'elicitation/create')
    const result = { action: 'accept', content: {} }
    line.send({ jsonrpc: '2.0', id: asked?.id, result }, 'eve')
    line.send({ jsonrpc: '2.0', id: asked?.id, result })
    await line.settle()
    expect(line.received.filter(({ id }) => id === 1)).toEqual([])
    line.send({ jsonrpc: '2.0', id: asked?.id, result }, 'ada')
    expect((await answer).result).toMatchObject(reply('ada ada'))
  })

  test('reaches notifications, timers and ticks of a call', async () => {
    const line = await connect(generation)
    const { result } = await line.ask(call(1, 'progress'), 'ada')
    expect(result).toMatchObject(reply('ada ada'))
    const progress = line.received.find(({ method }) => method === 'notifications/progress')
    expect(progress?.params).toMatchObject({ message: 'ada' })
  })
})
