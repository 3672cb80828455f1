import { setTimeout as delay } from 'node:timers/promises'
import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { InMemoryTransport as MemoryV2 } from '@modelcontextprotocol/server'
import { denialKey } from '@onbehalf/mcp'
import { authInfoOf } from './callers.ts'
import type { Rpc } from './http-host.ts'

/** A connection on which a test says exactly what goes over the wire. */
export interface Wire {
  /** Everything that the server sent, in order. */
  readonly received: Message[]
  /** Sends without waiting, with the caller's record. */
  send(message: object, caller?: string): void
  /** Sends a request and waits for the answer to its id. */
  ask(
    message: { readonly id: number | string; readonly [member: string]: unknown },
    caller?: string,
  ): Promise<Rpc>
  /** Lets pending work finish. */
  settle(): Promise<void>
  close(): Promise<void>
}

export interface Message extends Rpc {
  readonly method?: string
  readonly params?: Record<string, unknown>
}

interface Linked {
  onmessage?: ((message: never) => void) | undefined
  start(): Promise<void>
  send(message: never, options?: never): Promise<void>
  close(): Promise<void>
}

interface Server {
  connect(transport: never): Promise<void>
}

export const generations = ['v1', 'v2'] as const
export type Generation = (typeof generations)[number]

export function linkedPair(generation: Generation): [Linked, Linked] {
  const pair = generation === 'v1' ? MemoryV1.createLinkedPair() : MemoryV2.createLinkedPair()
  return pair as unknown as [Linked, Linked]
}

/** Connects a server and shakes hands as nobody in particular. */
export async function wire(generation: Generation, server: Server): Promise<Wire> {
  const line = await bareWire(generation, server)
  const clientInfo = { name: 'raw', version: '1' }
  const params = { protocolVersion: '2025-06-18', capabilities: { elicitation: {} }, clientInfo }
  await line.ask({ jsonrpc: '2.0', id: 'hello', method: 'initialize', params })
  line.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
  await line.settle()
  line.received.length = 0
  return line
}

export async function bareWire(generation: Generation, server: Server): Promise<Wire> {
  const [near, far] = linkedPair(generation)
  const received: Message[] = []
  near.onmessage = (message) => received.push(message)
  await server.connect(far as never)
  await near.start()
  const send: Wire['send'] = (message, caller) => {
    void near.send(message as never, { authInfo: authInfoOf(caller) } as never)
  }
  const settle = () => delay(20)
  return {
    received,
    send,
    settle,
    ask: async (message, caller) => {
      send(message, caller)
      for (let round = 0; round < 100; round++) {
        const answer = received.find(({ id, method }) => id === message.id && method === undefined)
        if (answer !== undefined) return answer
        await delay(2)
      }
      throw new Error(`no answer to ${message.id}`)
    },
    close: () => near.close(),
  }
}

export function call(id: number | string, name: string, args: object = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } } as const
}

export function list(id: number | string) {
  return { jsonrpc: '2.0', id, method: 'tools/list', params: {} } as const
}

export function ping(id: number | string) {
  return { jsonrpc: '2.0', id, method: 'ping' } as const
}

export function cancel(requestId: unknown) {
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } } as const
}

/** Names of the tools that a list shows. */
export function names({ result }: Rpc): string[] {
  const tools = (result?.['tools'] ?? []) as readonly { readonly name: string }[]
  return tools.map(({ name }) => name).sort()
}

/** Why a tool call was refused, for programs. */
export function reasonOf({ result }: Rpc): string | undefined {
  const meta = result?.['_meta'] as Record<string, { reason: string }> | undefined
  return meta?.[denialKey]?.reason
}
