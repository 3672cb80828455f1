import { randomUUID } from 'node:crypto'
import type { Store } from '@onbehalf/core'
import { Places } from '@onbehalf/core/internal'
import { createElicitations, protect, requireUser, type ServerEvent } from '@onbehalf/mcp'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { callers, makeAuthInfo } from './support/callers.ts'
import type { Rpc } from './support/http-host.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, wire } from './support/raw.ts'

const capabilities = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }

let events: ServerEvent[] = []
beforeEach(() => {
  events = []
})

/** Tasks that a test names, and that never end. */
function taskStoreOf(nextId: () => string, ttl: number | null) {
  const made = new Map<string, object>()
  const createTask = async () => {
    const date = new Date().toISOString()
    const task = { taskId: nextId(), status: 'working', ttl, createdAt: date, lastUpdatedAt: date }
    made.set(task.taskId, task)
    return task
  }
  const getTask = async (taskId: string) => made.get(taskId) ?? null
  const nothingToDo = async () => {}
  const taskStore = {
    createTask,
    getTask,
    listTasks: async () => ({ tasks: [...made.values()] }),
    getTaskResult: async () => reply('the secret of ada'),
    updateTaskStatus: nothingToDo,
    storeTaskResult: nothingToDo,
  }
  return { taskStore, made }
}

interface Making {
  readonly nextId?: () => string
  readonly ttl?: number | null
  readonly store?: Store
}

async function connect({ nextId = randomUUID, ttl = 60_000, store }: Making = {}) {
  const { taskStore, made } = taskStoreOf(nextId, ttl)
  const onEvent = (event: ServerEvent): void => void events.push(event)
  const options = { onEvent, ...(store && { store }) }
  const server = protect(makeServer('v1', { taskStore, capabilities }), options)
  const config = { inputSchema: nothing, execution: { taskSupport: 'required' as const } }
  const handler = {
    createTask: async () => ({ task: await taskStore.createTask() }),
    getTask: async (_args: unknown, { taskId }: { taskId: string }) => made.get(taskId),
    getTaskResult: taskStore.getTaskResult,
  }
  server.experimental.tasks.registerToolTask('long', config, handler as never)
  const heard: unknown[] = []
  server.registerTool('listen', { inputSchema: nothing }, async (_args, extra) => {
    heard.push(JSON.stringify(extra._meta ?? {}))
    return reply('done')
  })
  const line = await wire('v1', server)
  let id = 0
  const ask = (method: string, params: object, caller: string): Promise<Rpc> => {
    id += 1
    return line.ask({ jsonrpc: '2.0', id, method, params }, caller)
  }
  const make = async (caller: string): Promise<Rpc> => {
    const { params } = call(0, 'long')
    return ask('tools/call', { ...params, task: { ttl: 60_000 } }, caller)
  }
  return { ask, make, made, heard }
}

function idOf({ result }: Rpc): string {
  return (result as { task?: { taskId: string } }).task?.taskId ?? ''
}

/** A store that notes for how long it is to keep what. */
function noting(kept: number[]): Store {
  const values = new Map<string, string>()
  return {
    add: async (key, value, seconds) => {
      kept.push(seconds)
      if (values.has(key)) return false
      values.set(key, value)
      return true
    },
    set: async (key, value) => void values.set(key, value),
    get: async (key) => values.get(key),
  }
}

describe('a task', () => {
  test('stays with the caller who made it when another call is answered with its id', async () => {
    const { ask, make } = await connect({ nextId: () => 'one' })
    expect(idOf(await make('ada'))).toBe('one')
    await make('eve')
    expect((await ask('tasks/get', { taskId: 'one' }, 'ada')).result).toMatchObject({
      taskId: 'one',
    })
    expect((await ask('tasks/get', { taskId: 'one' }, 'eve')).error?.code).toBe(-32_602)
    expect(JSON.stringify(await ask('tasks/list', {}, 'eve'))).not.toContain('one')
  })

  test('is nothing that another caller’s request may say it belongs to', async () => {
    const { ask, make, heard } = await connect()
    const taskId = idOf(await make('ada'))
    const params = {
      ...call(0, 'listen').params,
      _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
    }
    await ask('tools/call', params, 'ada')
    expect(heard.join()).toContain(taskId)
    heard.length = 0
    await ask('tools/call', params, 'eve')
    expect(heard.join()).not.toContain(taskId)
  })

  test.each([
    [60_000, 120],
    [10, 1],
    [null, 604_800],
    [0, 604_800],
    [1e15, 366 * 86_400],
  ])('with a ttl of %s is remembered for %s seconds', async (ttl, seconds) => {
    const kept: number[] = []
    const { make } = await connect({ ttl, store: noting(kept) })
    await make('ada')
    expect(kept).toEqual([seconds])
  })

  test('is not made while nobody could remember whose it is', async () => {
    const down = async (): Promise<never> => {
      throw new Error('no connection')
    }
    const { make, made } = await connect({ store: { add: down, set: down, get: down } })
    const { error } = await make('ada')
    expect(error).toMatchObject({ code: 31_503 })
    expect(made.size).toBe(0)
  })
})

describe('callers who have too many tasks', () => {
  beforeEach(() => {
    // As if all but one of the places were free for another caller who holds one.
    vi.spyOn(Places.prototype, 'take').mockReturnValueOnce(undefined)
  })
  afterEach(() => void vi.restoreAllMocks())

  test('are refused before another one is made, and may make one later', async () => {
    const { make, made } = await connect()
    const { error } = await make('ada')
    expect(error).toMatchObject({
      code: 31_429,
      message: 'Access denied: the caller has too many open tasks or pages.',
      data: { reason: 'too_many_open' },
    })
    expect(made.size).toBe(0)
    expect(events.at(-1)).toMatchObject({
      tool: 'long',
      identity: { subject: 'ada' },
      decision: { reason: 'too_many_open' },
    })
    expect(idOf(await make('ada'))).not.toBe('')
  })

  test('are sent to no other page', async () => {
    const elicitations = createElicitations()
    const context = { authInfo: makeAuthInfo(callers.get('ada')!) }
    await expect(elicitations.open(context)).rejects.toMatchObject({
      code: 31_429,
      data: { reason: 'too_many_open' },
    })
    expect(await elicitations.open(context)).toEqual(expect.any(String))
  })
})

test('a call that ends without a task gives its place back', async () => {
  const freed = vi.spyOn(Places.prototype, 'free')
  const taken = vi.spyOn(Places.prototype, 'take')
  const server = protect(makeServer('v1'))
  const guarded = requireUser(async (_args: object) => reply('done'))
  server.registerTool('any', { inputSchema: nothing }, guarded)
  const line = await wire('v1', server)
  const { params, ...rest } = call(1, 'any')
  await line.ask({ ...rest, params: { ...params, task: {} } }, 'ada')
  expect(freed).toHaveBeenCalledWith(taken.mock.results[0]?.value)
  vi.restoreAllMocks()
})
