import { Server as LowV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { Server as LowV2 } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { type AnyServer, reply } from '../../packages/mcp/test/support/make-server.ts'
import type { Generation } from '../../packages/mcp/test/support/raw.ts'
import type { Inside } from './kitchen.ts'

const pages = new Map([
  [undefined, { tools: tools('a', 'b'), nextCursor: 'second' }],
  ['second', { tools: tools('c'), nextCursor: 'third' }],
  ['third', { tools: tools('d') }],
])

function tools(...names: string[]): object[] {
  return names.map((name) => ({ name, inputSchema: { type: 'object' } }))
}

const numbers = z.object({ of: z.array(z.number()) })

/** A low-level server: pages of a list, methods and notifications of its own, handlers that fail. */
export function makeLowKitchen(generation: Generation, inside: Inside): AnyServer {
  const info = { name: 'low', version: '1.0.0' }
  const capabilities = { capabilities: { tools: {} } }
  const server = generation === 'v1' ? new LowV1(info, capabilities) : new LowV2(info, capabilities)
  const { handle, hear } = spell(server)
  handle(
    'tools/list',
    ListToolsRequestSchema,
    ({ cursor }) => pages.get(cursor as string) ?? { tools: [] },
  )
  handle('tools/call', CallToolRequestSchema, ({ name }) => {
    inside.push(`${String(name)} called`)
    if (name === 'c') throw new Error('no pan')
    return reply(`made ${String(name)}`)
  })
  handle('com.example/sum', numbers, ({ of }) => ({
    sum: (of as number[]).reduce((a, b) => a + b, 0),
  }))
  handle('com.example/coded', z.looseObject({}), () => {
    throw Object.assign(new Error('too hot'), { code: -32_050, data: { degrees: 300 } })
  })
  hear('com.example/bell', (params) => inside.push(`bell ${JSON.stringify(params)}`))
  server.onerror = ({ message }) => void inside.push(`error: ${message}`)
  server.onclose = () => void inside.push('closed')
  return server as unknown as AnyServer
}

type Params = Record<string, unknown>

/** The two spellings of a handler. */
function spell(server: LowV1 | LowV2) {
  const low = server as unknown as Record<string, (...args: unknown[]) => void>
  const isOwn = (method: string): boolean => method.startsWith('com.example/')
  const ofV1 = (method: string, params: z.ZodType) =>
    z.object({ method: z.literal(method), params: params.optional() })
  return {
    handle: (method: string, schema: z.ZodType, answer: (params: Params) => object): void => {
      const v1 = async (request: { params?: Params }) => answer(request.params ?? {})
      if (server instanceof LowV1) {
        low['setRequestHandler']?.(isOwn(method) ? ofV1(method, schema) : schema, v1)
      } else if (isOwn(method)) {
        low['setRequestHandler']?.(method, { params: schema }, async (params: Params) =>
          answer(params),
        )
      } else low['setRequestHandler']?.(method, v1)
    },
    hear: (method: string, note: (params: unknown) => void): void => {
      const any = z.looseObject({})
      if (server instanceof LowV1) {
        low['setNotificationHandler']?.(ofV1(method, any), (it: { params: unknown }) =>
          note(it.params),
        )
      } else low['setNotificationHandler']?.(method, { params: any }, note)
    },
  }
}
