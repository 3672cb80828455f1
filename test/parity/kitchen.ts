import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { completable as completableV1 } from '@modelcontextprotocol/sdk/server/completable.js'
import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import {
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import {
  completable as completableV2,
  inputRequired,
  ResourceTemplate as TemplateV2,
} from '@modelcontextprotocol/server'
import * as z from 'zod'
import {
  type AnyServer,
  makeServer,
  nothing,
  reply,
} from '../../packages/mcp/test/support/make-server.ts'
import type { Generation } from '../../packages/mcp/test/support/raw.ts'
import { type Call, toCall } from '../conformance/call.ts'

/** What happens inside a server and is not sent: handlers that run, are cancelled, hooks that are called. */
export type Inside = string[]

const capabilities = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

type Args = Record<string, never>
type Run = (args: Args, call: Call, context: never) => Promise<object>

/** A server with everything that `McpServer` of both generations offers. */
export function makeKitchen(generation: Generation, inside: Inside): AnyServer {
  const server = makeServer(generation, {
    capabilities: { ...capabilities, ...(generation === 'v1' && taskCapability) },
    instructions: 'Cook with care',
    ...(generation === 'v1' && { taskStore: new InMemoryTaskStore() }),
  })
  addTools(server, inside)
  addAskingTools(server, inside)
  addChangingTools(server, inside)
  addResources(server, generation, inside)
  addPrompts(server, generation)
  if (generation === 'v1') addTasks(server, inside)
  if (generation === 'v2') addInputTools(server, inside)
  server.server.oninitialized = () => void inside.push('initialized')
  server.server.onclose = () => void inside.push('closed')
  server.server.onerror = ({ message }) => void inside.push(`error: ${message}`)
  return server
}

const taskCapability = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }

function toTool(server: AnyServer, inside: Inside) {
  return (name: string, config: object, run: Run): void => {
    const handler = async (args: Args, context: unknown) => {
      inside.push(`${name} ran`)
      return run(args, toCall(context), context as never)
    }
    server.registerTool(name, { inputSchema: nothing, ...config } as never, handler as never)
  }
}

function addTools(server: AnyServer, inside: Inside): void {
  const tool = toTool(server, inside)
  const text = z.object({ text: z.string().max(20), times: z.number().default(1) })
  const echoed = { inputSchema: text, title: 'Echo', annotations: { readOnlyHint: true } }
  tool('echo', { ...echoed, _meta: { color: 'red' } }, async ({ text, times }) => ({
    ...reply(`${text} ${times}`),
    _meta: { seen: true },
  }))
  const outputSchema = z.object({ sum: z.number() })
  tool('structured', { outputSchema }, async () => ({ content: [], structuredContent: { sum: 3 } }))
  tool('misshapen', { outputSchema }, async () => ({
    content: [],
    structuredContent: { sum: 'x' },
  }))
  tool('shapeless', { outputSchema }, async () => reply('no structure'))
  tool('failing', {}, async () => Promise.reject(new Error('out of flour')))
  tool('unwell', {}, async () => ({ ...reply('burnt'), isError: true }))
  tool('pictured', {}, async () => ({
    content: [
      { type: 'image', data: 'aGk=', mimeType: 'image/png' },
      { type: 'audio', data: 'aGk=', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'menu://today', text: 'soup' } },
      { type: 'resource_link', uri: 'menu://today', name: 'menu' },
    ],
  }))
  tool('progressing', {}, async (_args, call) => {
    for (const step of [1, 2, 3]) await call.progress(step, 3)
    return reply(String(call.progressToken))
  })
  tool('chatty', {}, async (_args, call) => {
    for (const line of ['one', 'two']) await call.log(line)
    return reply('logged')
  })
  tool('waiting', {}, async (_args, _call, context) => {
    const { signal } =
      (context as { mcpReq?: { signal: AbortSignal } }).mcpReq ??
      (context as { signal: AbortSignal })
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    inside.push(`aborted: ${String(signal.reason)}`)
    return reply('too late')
  })
}

/** Tools that ask the client for something, on the stream of their call. */
function addAskingTools(server: AnyServer, inside: Inside): void {
  const tool = toTool(server, inside)
  const message = { role: 'user', content: { type: 'text', text: 'salt?' } }
  const requestedSchema = { type: 'object', properties: { amount: { type: 'number' } } }
  const sampling = { messages: [message], maxTokens: 5 }
  const elicitation = { message: 'How much?', requestedSchema }
  tool('sampling', {}, async (_args, call) =>
    reply(JSON.stringify(await call.ask('sampling/createMessage', sampling))),
  )
  tool('eliciting', {}, async (_args, call) =>
    reply(JSON.stringify(await call.ask('elicitation/create', elicitation))),
  )
  tool('asking_twice', {}, async (_args, call) => {
    const first = await call.ask('elicitation/create', elicitation)
    const second = await call.ask('sampling/createMessage', sampling)
    return reply(JSON.stringify([first, second]))
  })
  tool('rooting', {}, async (_args, call) =>
    reply(JSON.stringify(await call.ask('roots/list' as never, {}))),
  )
}

/** Tools that change what the server has. */
function addChangingTools(server: AnyServer, inside: Inside): void {
  const tool = toTool(server, inside)
  const extra = {
    current: undefined as { remove(): void; disable(): void; enable(): void } | undefined,
  }
  tool('grow', {}, async () => {
    extra.current = server.registerTool('grown', { inputSchema: nothing }, (async () =>
      reply('new')) as never)
    return reply('grew')
  })
  tool('hide', {}, async () => {
    extra.current?.disable()
    return reply('hid')
  })
  tool('show', {}, async () => {
    extra.current?.enable()
    return reply('showed')
  })
  tool('shrink', {}, async () => {
    extra.current?.remove()
    return reply('shrank')
  })
  tool('touch', {}, async () => {
    await server.server.sendResourceUpdated({ uri: 'menu://today' })
    return reply('touched')
  })
}

function addResources(server: AnyServer, generation: Generation, inside: Inside): void {
  const Template = generation === 'v1' ? TemplateV1 : (TemplateV2 as unknown as typeof TemplateV1)
  const menu = { title: 'Menu', mimeType: 'text/plain' }
  server.registerResource('menu', 'menu://today', menu, async (uri) => ({
    contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'soup' }],
  }))
  server.registerResource('photo', 'photo://soup', {}, async ({ href }) => ({
    contents: [{ uri: href, blob: 'aGk=' }],
  }))
  server.registerResource('broken', 'broken://plate', {}, async () => {
    throw new Error('fell down')
  })
  const template = new Template('dish://{name}', {
    list: async () => ({ resources: [{ name: 'soup', uri: 'dish://soup' }] }),
    complete: { name: (typed: string) => ['soup', 'salad'].filter((it) => it.startsWith(typed)) },
  })
  server.registerResource('dishes', template, {}, (async (
    uri: URL,
    { name }: Record<string, string>,
  ) => ({
    contents: [{ uri: uri.href, text: `a dish of ${name}` }],
  })) as never)
  const kept = (what: string) => async () => {
    inside.push(what)
    return {}
  }
  const low = server.server as unknown as {
    setRequestHandler(method: unknown, handler: unknown): void
  }
  const v1 = generation === 'v1'
  low.setRequestHandler(v1 ? SubscribeRequestSchema : 'resources/subscribe', kept('subscribed'))
  low.setRequestHandler(
    v1 ? UnsubscribeRequestSchema : 'resources/unsubscribe',
    kept('unsubscribed'),
  )
}

function addPrompts(server: AnyServer, generation: Generation): void {
  const v1 = generation === 'v1'
  const completable = v1 ? completableV1 : (completableV2 as typeof completableV1)
  const names = ['anna', 'anton', 'berta']
  const shape = {
    cook: completable(z.string(), (typed) => names.filter((name) => name.startsWith(typed ?? ''))),
  }
  const say = (text: string) => ({ messages: [{ role: 'user', content: { type: 'text', text } }] })
  const config = { title: 'Order', argsSchema: v1 ? shape : z.object(shape) }
  server.registerPrompt(
    'order',
    config as never,
    (async ({ cook }: { cook: string }) => say(`for ${cook}`)) as never,
  )
  server.registerPrompt('greet', {}, (async () => say('hello')) as never)
}

/** SDK v1 knows tasks. */
function addTasks(server: AnyServer, inside: Inside): void {
  interface Context {
    readonly taskId: string
    readonly taskStore: {
      createTask(options: object): Promise<{ taskId: string }>
      storeTaskResult(id: string, status: string, result: object): Promise<void>
      getTask(id: string): Promise<object>
      getTaskResult(id: string): Promise<object>
    }
  }
  const { tasks } = server.experimental
  tasks.registerToolTask(
    'slow',
    { inputSchema: nothing, execution: { taskSupport: 'required' } } as never,
    {
      createTask: async (_args: object, { taskStore }: Context) => {
        inside.push('slow ran')
        const task = await taskStore.createTask({ ttl: 60_000 })
        await taskStore.storeTaskResult(task.taskId, 'completed', reply('cooked'))
        return { task }
      },
      getTask: async (_args: object, { taskId, taskStore }: Context) => taskStore.getTask(taskId),
      getTaskResult: async (_args: object, { taskId, taskStore }: Context) =>
        taskStore.getTaskResult(taskId),
    } as never,
  )
}

/** SDK v2 asks by its answer. */
function addInputTools(server: AnyServer, inside: Inside): void {
  const tool = toTool(server, inside)
  interface Context {
    readonly mcpReq: { inputResponses?: object; requestState(): unknown }
  }
  tool('inquiring', {}, async (_args, _call, context) => {
    const { mcpReq } = context as Context
    const { inputResponses } = mcpReq
    if (inputResponses !== undefined) {
      return reply(JSON.stringify([inputResponses, mcpReq.requestState()]))
    }
    const requestedSchema = { type: 'object', properties: { amount: { type: 'number' } } } as const
    const amount = inputRequired.elicit({ message: 'How much?', requestedSchema })
    return inputRequired({ inputRequests: { amount }, requestState: 'round one' })
  })
}
