import { user } from '@onbehalf/core/guards'
import {
  allowPublic,
  guarded,
  protect,
  requireAll,
  requireOrg,
  requireRole,
  requireUser,
} from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { connectMemoryV1, connectMemoryV2 } from './support/clients.ts'
import { makeServer, reply } from './support/make-server.ts'
import { generations } from './support/raw.ts'

interface Context {
  readonly identity?: { readonly subject: string }
}

// Both SDKs call these with the context alone.
const contextOnly = async (ctx: Context) => reply(`${ctx.identity?.subject}`)
const argumentsFirst = async (_args: unknown, { identity }: Context) =>
  reply(`${identity?.subject}`)
const contextLast = async (...all: unknown[]) =>
  reply(`${(all.at(-1) as Context).identity?.subject}`)

const handlers = { contextOnly, argumentsFirst, contextLast }
type Wrap = (handler: never) => unknown
const wrappers: Readonly<Record<string, Wrap>> = {
  requireOrg: (handler) => requireOrg(handler),
  requireUser: (handler) => requireUser(handler),
  'requireOrg with a match': (handler) => requireOrg({ match: () => 'acme' }, handler),
  allowPublic: (handler) => allowPublic(handler),
  'guarded twice': (handler) => requireRole('operator', guarded(user(), handler) as never),
  requireAll: (handler) => requireAll([user()], handler),
}
const cases = Object.entries(wrappers).flatMap(([wrapper, wrap]) =>
  Object.entries(handlers).map(([shape, handler]) => ({ wrapper, shape, wrap, handler })),
)

describe.each(generations)('a tool of %s without a schema', (generation) => {
  const connectMemory = generation === 'v1' ? connectMemoryV1 : connectMemoryV2

  test.each(cases)('tells its handler who calls ($wrapper, $shape)', async ({ wrap, handler }) => {
    const server = protect(makeServer(generation))
    server.registerTool('who', {}, wrap(handler as never) as never)
    const client = await connectMemory(server as never, 'ada')
    expect(await client.call('who', {})).toEqual({ kind: 'text', text: 'ada' })
  })

  test.each(Object.entries(handlers))('is refused to a stranger (%s)', async (_shape, handler) => {
    const server = protect(makeServer(generation))
    server.registerTool('who', {}, requireUser(handler as never) as never)
    const client = await connectMemory(server as never)
    expect(await client.call('who', {})).toMatchObject({
      kind: 'denied',
      denial: { reason: 'identity_missing' },
    })
  })

  test.each(Object.entries(handlers))('is a prompt as well (%s)', async (_shape, handler) => {
    const server = protect(makeServer(generation))
    const prompt = async (...all: never[]) => {
      const { content } = await (handler as (...all: unknown[]) => ReturnType<typeof contextOnly>)(
        ...all,
      )
      return { messages: [{ role: 'user' as const, content: content[0] }] }
    }
    const shaped = handler.length === 1 ? (ctx: never) => prompt(ctx) : prompt
    server.registerPrompt('who', {}, requireUser(shaped as never) as never)
    const client = await connectMemory(server as never, 'ada')
    expect(await client.prompt('who', {})).toEqual({ kind: 'text', text: 'ada' })
  })
})
