import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { allowPublic, type DecisionEvent, protect, requireUser } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listTrail } from './support/audit.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, wire } from './support/raw.ts'

const relatedTask = 'io.modelcontextprotocol/related-task'
const noTask = { code: -32_602, message: 'Task not found' }

function about(taskId: unknown) {
  return { _meta: { [relatedTask]: { taskId } } }
}

const initialize = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'raw', version: '1' },
}

describe.each(generations)('a request of a %s server that belongs to a task', (generation) => {
  const ran: string[] = []

  async function connect() {
    ran.length = 0
    const { trail, events } = listTrail()
    const decisions: DecisionEvent[] = []
    const server = protect(makeServer(generation, { capabilities: { logging: {} } }), {
      audit: trail,
      onEvent: (event) => event.type === 'decision' && decisions.push(event),
      rules: [{ kind: 'method', name: 'acme/open', guard: 'public' }],
    })
    const run = (name: string) => async () => {
      ran.push(name)
      return reply('done')
    }
    server.registerTool('close_books', { inputSchema: nothing }, requireUser(run('close_books')))
    server.registerTool('health', { inputSchema: nothing }, allowPublic(run('health')))
    server.server.fallbackRequestHandler = async ({ method }) => {
      ran.push(method)
      return {}
    }
    server.server.fallbackNotificationHandler = async ({ method }) => {
      ran.push(method)
    }
    const line = await wire(generation, server)
    return { line, events, decisions }
  }

  test.each([
    ['tools/call', 'ada', { name: 'close_books', arguments: {}, ...about('x') }],
    ['tools/call', undefined, { name: 'health', arguments: {}, ...about('x') }],
    ['tools/call', 'ada', { name: 'close_books', arguments: {}, ...about('') }],
    ['tools/call', 'ada', { name: 'close_books', arguments: {}, ...about(['x']) }],
    ['tools/call', 'ada', { name: 'close_books', arguments: {}, ...about({ x: 1 }) }],
    ['ping', undefined, about('x')],
    ['ping', 'ada', about('x')],
    ['tools/list', undefined, about('x')],
    ['initialize', undefined, { ...initialize, ...about('x') }],
    ['logging/setLevel', 'ada', { level: 'info', ...about('x') }],
    ['acme/open', undefined, about('x')],
    ['tasks/made-up', 'ada', { taskId: 'x' }],
    ['tasks/made-up', 'ada', { taskId: ['x'] }],
  ])(
    'does not run when the task is not its caller’s: %s of %s, %j',
    async (method, who, params) => {
      const { line, events, decisions } = await connect()
      const answer = await line.ask({ jsonrpc: '2.0', id: 1, method, params }, who)
      expect(answer.error).toEqual(noTask)
      expect(ran).toEqual([])
      expect(events).toMatchObject([
        { type: 'refusal', method, decision: { reason: 'session_owner_mismatch' } },
      ])
      expect(decisions).toMatchObject([{ method, decision: { effect: 'deny' } }])
    },
  )

  test('does not run as a notification either', async () => {
    const { line, events } = await connect()
    line.send({ jsonrpc: '2.0', method: 'acme/custom', params: about('x') }, 'ada')
    await line.settle()
    expect(ran).toEqual([])
    expect(events).toMatchObject([{ decision: { reason: 'session_owner_mismatch' } }])
  })
})

describe('tasks of SDK v1', () => {
  /** A server whose tool `long` makes a task that is finished at once, for whomever it lets in. */
  async function connect(require: typeof allowPublic) {
    const taskStore = new InMemoryTaskStore()
    onTestFinished(() => taskStore.cleanup())
    const capabilities = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }
    const { trail, events } = listTrail()
    const server = protect(
      new McpServerV1({ name: 's', version: '1' }, { taskStore, capabilities }),
      { audit: trail },
    )
    const made: string[] = []
    type Store = Pick<InMemoryTaskStore, 'getTask' | 'getTaskResult'> & {
      createTask(options: object): Promise<{ taskId: string }>
      storeTaskResult(taskId: string, status: string, result: object): Promise<void>
    }
    type Context = { readonly taskStore: Store; readonly taskId: string }
    server.experimental.tasks.registerToolTask(
      'long',
      { inputSchema: nothing, execution: { taskSupport: 'required' } },
      {
        createTask: require(async (_args: object, ctx) => {
          const { taskStore: store } = ctx as unknown as Context
          const task = await store.createTask({ ttl: 60_000 })
          made.push(task.taskId)
          await store.storeTaskResult(task.taskId, 'completed', reply('finished'))
          return { task }
        }) as never,
        getTask: async (_args: unknown, ctx: Context) => ctx.taskStore.getTask(ctx.taskId),
        getTaskResult: async (_args: unknown, ctx: Context) =>
          ctx.taskStore.getTaskResult(ctx.taskId),
      } as never,
    )
    const line = await wire('v1', server)
    let id = 0
    const ask = (method: string, params: object, caller?: string) =>
      line.ask({ jsonrpc: '2.0', id: ++id, method, params }, caller)
    return { ask, made, events }
  }

  const long = { ...call(1, 'long').params, task: { ttl: 60_000 } }

  test.each([undefined, 'late', 'copy-of-ada'])(
    'are not made for %s, who could not fetch the result',
    async (caller) => {
      const { ask, made, events } = await connect(allowPublic)
      const { error } = await ask('tools/call', long, caller)
      expect(error?.code).toBe(31_401)
      expect(made).toEqual([])
      expect(events).toMatchObject([{ type: 'refusal' }])
    },
  )

  test('of a public tool are fetched by the caller who made them', async () => {
    const { ask, made } = await connect(allowPublic)
    await ask('tools/call', long, 'ada')
    const [taskId] = made
    expect((await ask('tasks/result', { taskId }, 'ada')).result).toMatchObject(reply('finished'))
    expect((await ask('tasks/result', { taskId }, 'eve')).error).toEqual(noTask)
    const open = ['ping', 'tools/list'] as const
    for (const method of open) {
      expect((await ask(method, about(taskId), 'ada')).error).toBeUndefined()
      expect((await ask(method, about(taskId), 'eve')).error).toEqual(noTask)
    }
  })
})
