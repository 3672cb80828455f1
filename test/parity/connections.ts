import { setTimeout as delay } from 'node:timers/promises'
import type { Message } from '../../packages/mcp/test/support/raw.ts'
import { type Behaviour, call, helloParams, lasts, modern, onV1 } from './behaviours.ts'
import { type Line, requestOf, type Seen, type Stream } from './lines.ts'
import type { Way } from './ways.ts'

const stays = (way: Way): boolean => lasts(way) && way.isHttp === true
const plain = (way: Way): boolean => lasts(way) && way.isHttp !== true
const http = (way: Way): boolean => way.isHttp === true

const json = { 'content-type': 'application/json' }
const both = { ...json, accept: 'application/json, text/event-stream' }
const events = { accept: 'text/event-stream' }
const pingBody = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })

/** One HTTP request after another, each read to its end. */
function fetches(does: string, inits: readonly RequestInit[], where = http): Behaviour {
  const run = async (line: Line): Promise<unknown> => {
    const seen: Seen[] = []
    for (const init of inits) seen.push(await line.fetch(init))
    return seen
  }
  return { does, where, run }
}

const post = (body: string, headers: object = both): RequestInit => ({
  method: 'POST',
  headers: headers as Record<string, string>,
  body,
})

const odd: readonly Behaviour[] = [
  fetches('posts what is no message', [
    post('{}'),
    post('[]'),
    post('7'),
    post(JSON.stringify({ jsonrpc: '1.0', id: 1, method: 'ping' })),
    post(JSON.stringify({ jsonrpc: '2.0', id: {}, method: 'ping' })),
    post(JSON.stringify({ jsonrpc: '2.0', id: null, method: 'ping' })),
  ]),
  fetches('posts under other headers', [
    post(pingBody, json),
    post(pingBody, { ...both, accept: 'application/json' }),
    post(pingBody, { ...both, 'content-type': 'text/plain' }),
    post(pingBody, { ...both, 'mcp-protocol-version': '1999-01-01' }),
  ]),
  fetches('posts batches', [
    post(
      JSON.stringify([
        { jsonrpc: '2.0', id: 1, method: 'ping' },
        { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'unwell', arguments: {} } },
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'none' } },
      ]),
    ),
  ]),
  fetches('uses other methods', [
    { method: 'PUT', headers: both, body: pingBody },
    { method: 'PATCH', headers: both, body: pingBody },
    { method: 'OPTIONS' },
    { method: 'GET', headers: json },
  ]),
  fetches(
    'asks in a session that is not there',
    [
      post(pingBody, { ...both, 'mcp-session-id': 'none' }),
      { method: 'GET', headers: { ...events, 'mcp-session-id': 'none' } },
      { method: 'DELETE', headers: { 'mcp-session-id': 'none' } },
    ],
    stays,
  ),
  {
    does: 'ends its session',
    where: stays,
    run: async (line) => [
      await line.fetch({ method: 'DELETE' }),
      await line.ask('ping'),
      await line.fetch({ method: 'DELETE' }),
    ],
  },
]

/** The methods of what comes on a stream until a message of this method. */
async function readUntil(stream: Stream, method: string): Promise<readonly (Message | 'end')[]> {
  const read: (Message | 'end')[] = []
  while (read.length < 20) {
    const next = await stream.next()
    read.push(next)
    if (next === 'end' || next.method === method) return read
  }
  return read
}

const changed = 'notifications/tools/list_changed'
const updated = 'notifications/resources/updated'

const streams: readonly Behaviour[] = [
  {
    does: 'receives changes on its stream',
    where: stays,
    run: async (line) => {
      const stream = await line.stream({ method: 'GET', headers: events })
      const second = await line.fetch({ method: 'GET', headers: events })
      const seen = [await call(line, 'grow'), await call(line, 'grown'), await call(line, 'touch')]
      const heard = [await readUntil(stream, changed), await readUntil(stream, updated)]
      await stream.close()
      return { status: stream.status, second, seen, heard }
    },
  },
  {
    does: 'comes back for what it missed',
    where: stays,
    run: async (line) => {
      const stream = await line.stream({ method: 'GET', headers: events })
      await call(line, 'grow')
      const [first] = await readUntil(stream, changed)
      await stream.close()
      const id = (first as { event?: string }).event ?? ''
      await delay(50)
      await call(line, 'touch')
      const again = await line.stream({
        method: 'GET',
        headers: { ...events, 'last-event-id': id },
      })
      const heard = await readUntil(again, updated)
      await again.close()
      const unknown = await line.fetch({
        method: 'GET',
        headers: { ...events, 'last-event-id': 'none' },
      })
      return { first, status: again.status, heard, unknown: unknown.status }
    },
  },
  {
    does: 'receives changes between answers',
    where: plain,
    run: async (line) => {
      for (const name of ['grow', 'grown', 'hide', 'grown', 'show', 'shrink', 'grown', 'touch']) {
        await call(line, name)
      }
      await line.ask('tools/list')
      return line.received
    },
  },
]

const life: readonly Behaviour[] = [
  {
    does: 'cancels a call',
    where: (way) => plain(way),
    run: async (line, inside) => {
      await line.ask('ping', undefined, 1)
      const waiting = call(line, 'waiting')
      void waiting
      while (!inside.includes('waiting ran')) await delay(1)
      const asked = inside.indexOf('waiting ran')
      await line.tell('notifications/cancelled', { requestId: 1, reason: 'hungry' })
      while (!inside.some((it) => it.startsWith('aborted'))) await delay(1)
      await line.ask('ping', undefined, 'fence')
      return [asked, line.received]
    },
  },
  {
    does: 'cancels what it never asked',
    where: lasts,
    run: async (line, inside) => {
      const seen = [
        await line.tell('notifications/cancelled', { requestId: 'none' }),
        await line.tell('notifications/cancelled', {}),
        await line.tell('notifications/roots/list_changed'),
        await line.tell('notifications/progress', { progressToken: 'x', progress: 1 }),
        await line.ask('ping'),
      ]
      while (!inside.some((it) => it.includes('unknown token'))) await delay(1)
      return seen
    },
  },
  {
    does: 'leaves while a call runs',
    // SDK v1 on stdio does not notice that its client left.
    where: (way) => plain(way) && way.name !== 'v1 on stdio',
    run: async (line, inside) => {
      void call(line, 'waiting')
      while (!inside.includes('waiting ran')) await delay(1)
      await line.close()
      while (!inside.some((it) => it.startsWith('aborted'))) await delay(1)
      return line.received
    },
  },
  {
    does: 'asks twice under one id',
    where: plain,
    run: async (line) => {
      await Promise.all([line.ask('ping', undefined, 'same'), line.ask('ping', undefined, 'other')])
      await line.ask('ping', undefined, 'same')
      return line.received
    },
  },
]

const tasks: readonly Behaviour[] = [
  {
    does: 'has a tool run as a task',
    where: (way) => onV1(way) && lasts(way),
    run: async (line) => {
      const made = await call(line, 'slow', {}, { task: { ttl: 60_000 } })
      const { task } = (made.messages.at(-1)?.result ?? {}) as { task?: { taskId: string } }
      const taskId = task?.taskId ?? ''
      return [
        made,
        await line.ask('tasks/get', { taskId }),
        await line.ask('tasks/result', { taskId }),
        await line.ask('tasks/list'),
        await line.ask('tasks/cancel', { taskId }),
      ]
    },
  },
  {
    does: 'asks for tasks that are not there',
    where: (way) => onV1(way) && lasts(way),
    run: async (line) => [
      await line.ask('tasks/get', { taskId: 'none' }),
      await line.ask('tasks/result', { taskId: 'none' }),
      await line.ask('tasks/cancel', { taskId: 'none' }),
      await line.ask('tasks/get', {}),
      await line.ask('tasks/list'),
      await call(line, 'slow'),
      await call(line, 'echo', { text: 'x' }, { task: { ttl: 1000 } }),
    ],
  },
]

const wanted = {
  toolsListChanged: true,
  promptsListChanged: true,
  resourcesListChanged: true,
  resourceSubscriptions: ['menu://today'],
}

const listens: readonly Behaviour[] = [
  {
    does: 'listens',
    where: (way) => modern(way) && http(way),
    run: async (line) => {
      const { body, headers } = requestOf(
        { isModern: true },
        'subscriptions/listen',
        { notifications: wanted },
        5,
      )
      const init = post(JSON.stringify(body), { ...both, ...headers })
      const stream = await line.stream(init)
      const first = await stream.next()
      await stream.close()
      return [stream.status, first, await line.ask('ping')]
    },
  },
  {
    does: 'listens to nothing, or malformed',
    where: (way) => modern(way) && http(way),
    run: async (line) => [
      await line.ask('subscriptions/listen', { notifications: {} }),
      await line.ask('subscriptions/listen', { notifications: { toolsListChanged: false } }),
      await line.ask('subscriptions/listen', { notifications: 7 }),
      await line.ask('subscriptions/listen', {}),
    ],
  },
  {
    does: 'listens on its line',
    where: (way) => modern(way) && !http(way),
    run: async (line) => {
      const { body } = requestOf(
        { isModern: true },
        'subscriptions/listen',
        { notifications: wanted },
        'l',
      )
      await line.send(body)
      while (line.received.length === 0) await delay(1)
      for (const name of ['grow', 'grown', 'touch', 'shrink']) await call(line, name)
      await line.tell('notifications/cancelled', { requestId: 'l' })
      await call(line, 'touch')
      return line.received
    },
  },
  {
    does: 'uses headers that disagree with the body',
    where: (way) => modern(way) && http(way),
    run: async (line) => {
      const { body, headers } = requestOf(
        { isModern: true },
        'tools/call',
        { name: 'unwell', arguments: {} },
        5,
      )
      const text = JSON.stringify(body)
      return [
        await line.fetch(post(text, { ...both, ...headers, 'mcp-name': 'echo' })),
        await line.fetch(post(text, { ...both, ...headers, 'mcp-method': 'tools/list' })),
        await line.fetch(post(text, { ...both, ...headers, 'mcp-protocol-version': '2025-11-25' })),
        await line.fetch(post(text, both)),
      ]
    },
  },
  {
    does: 'asks in a revision of 2026 as an older client',
    where: (way) => modern(way),
    run: async (line) => [
      await line.ask('initialize', helloParams()),
      await line.ask('logging/setLevel', { level: 'info' }),
    ],
  },
]

export const connections: readonly Behaviour[] = [...odd, ...streams, ...life, ...tasks, ...listens]
