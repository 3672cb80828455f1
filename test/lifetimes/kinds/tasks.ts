import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js'
import { createElicitations, protect, requireUser } from '@onbehalf/mcp'
import { makeServer, nothing, reply } from '../../../packages/mcp/test/support/make-server.ts'
import { call, linkedPair } from '../../../packages/mcp/test/support/raw.ts'
import type { Census } from '../census.ts'
import { assertSame, initialize, type Kind, settings, token } from '../kind.ts'
import type { Received } from '../lines.ts'

// Milliseconds for which the SDK keeps a result.
const ttl = 50
const capabilities = { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }

function createServer(census: Census, taskStore: InMemoryTaskStore) {
  const server = protect(makeServer('v1', { taskStore, capabilities }), { ...settings, token })
  const config = { inputSchema: nothing, execution: { taskSupport: 'required' as const } }
  const handler = {
    createTask: async () => {
      const task = await taskStore.createTask({ ttl }, 1, { method: 'tools/call' } as never)
      census.track(task)
      await taskStore.storeTaskResult(task.taskId, 'completed', reply('done'))
      return { task }
    },
    getTask: async (_args: unknown, { taskId }: { taskId: string }) => taskStore.getTask(taskId),
    getTaskResult: async (_args: unknown, { taskId }: { taskId: string }) =>
      taskStore.getTaskResult(taskId),
  }
  server.experimental.tasks.registerToolTask('long', config, handler as never)
  const elicitations = createElicitations({ ttlSeconds: 1 })
  const open = requireUser(async (_args: object, ctx) => {
    const id = await elicitations.open(ctx)
    return reply(`${await elicitations.isFor(id, ctx.identity)}`)
  })
  server.registerTool('open', { inputSchema: nothing }, open)
  return server
}

async function connect(census: Census) {
  const [near, far] = linkedPair('v1')
  const waiting = new Map<unknown, (message: Received) => void>()
  near.onmessage = (message: Received) => {
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  }
  await createServer(census, new InMemoryTaskStore()).connect(far as never)
  await near.start()
  const ask = (message: { readonly id: unknown }): Promise<Received> =>
    new Promise((resolve) => {
      waiting.set(message.id, resolve)
      void near.send(message as never)
    })
  await ask(initialize)
  return { ask, close: () => near.close() }
}

const tasks: Kind = {
  name: 'v1: a task',
  start: async (census) => {
    const { ask, close } = await connect(census)
    const round = async (number: number): Promise<void> => {
      const { params, ...rest } = call(`make ${number}`, 'long')
      const made = await ask({ ...rest, params: { ...params, task: { ttl } } } as typeof rest)
      const { task } = (made.result ?? {}) as { task?: { taskId: string } }
      const params2 = { taskId: task?.taskId }
      const fetched = await ask({
        ...rest,
        id: `get ${number}`,
        method: 'tasks/result',
        params: params2,
      } as never)
      assertSame(JSON.stringify(fetched).includes('done'), true, JSON.stringify([made, fetched]))
    }
    return { round, close }
  },
}

const pages: Kind = {
  name: 'v1: the URL of an elicitation',
  start: async (census) => {
    const { ask, close } = await connect(census)
    const round = async (number: number): Promise<void> => {
      const opened = await ask(call(number + 1, 'open'))
      assertSame(JSON.stringify(opened).includes('true'), true, JSON.stringify(opened))
    }
    return { round, close }
  },
}

export const taskKinds: readonly Kind[] = [tasks, pages]
