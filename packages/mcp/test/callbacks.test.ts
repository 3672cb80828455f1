import { InMemoryTransport as MemoryV1 } from '@modelcontextprotocol/sdk/inMemory.js'
import { allowPublic, protect } from '@onbehalf/mcp'
import { describe, expect, test } from 'vitest'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, linkedPair } from './support/raw.ts'

type Callback = ((...args: unknown[]) => void) | undefined
type Inner = MemoryV1 & Record<string, unknown>

/** A transport around another one; each class lets its callbacks be set in its own way. */
abstract class Around {
  readonly inner: Inner
  constructor(inner: unknown) {
    this.inner = inner as Inner
  }
  start(): Promise<void> {
    return this.inner.start()
  }
  send(message: never): Promise<void> {
    return this.inner.send(message)
  }
  close(): Promise<void> {
    return this.inner.close()
  }
}

class SettersThatHandOn extends Around {
  set onmessage(callback: Callback) {
    this.inner.onmessage = callback as never
  }
  set onclose(callback: Callback) {
    this.inner.onclose = callback as never
  }
  set onerror(callback: Callback) {
    this.inner.onerror = callback as never
  }
}

class SettersThatKeep extends Around {
  #message: Callback
  #close: Callback
  set onmessage(callback: Callback) {
    this.#message = callback
  }
  set onclose(callback: Callback) {
    this.#close = callback
  }
  set onerror(_callback: Callback) {}
  override start(): Promise<void> {
    this.inner.onmessage = (message) => this.#message?.(message)
    this.inner.onclose = () => this.#close?.()
    return super.start()
  }
}

class Accessors extends SettersThatHandOn {
  override get onmessage(): Callback {
    return this.inner.onmessage as never
  }
  override set onmessage(callback: Callback) {
    this.inner.onmessage = callback as never
  }
}

class GetterThatSaysNothing extends SettersThatHandOn {
  override get onmessage(): Callback {
    return undefined
  }
  override set onmessage(callback: Callback) {
    this.inner.onmessage = callback as never
  }
}

describe.each(generations)('a transport of a %s server', (generation) => {
  function build() {
    const server = protect(makeServer(generation))
    const run = allowPublic(async (_args: object) => reply('served'))
    server.registerTool('health', { inputSchema: nothing }, run)
    server.registerTool('plain', { inputSchema: nothing }, (async () => reply('ran')) as never)
    return server
  }

  test.each([SettersThatHandOn, SettersThatKeep, Accessors])(
    'whose class is $name is served, and guarded',
    async (Transport) => {
      const server = build()
      const closed = new Promise<void>((resolve) => {
        server.server.onclose = resolve
      })
      const [near, far] = linkedPair(generation)
      const answers = new Map<unknown, string>()
      const all = new Promise<void>((resolve) => {
        near.onmessage = (message: { id: unknown }) => {
          answers.set(message.id, JSON.stringify(message))
          if (answers.size === 2) resolve()
        }
      })
      await server.connect(new Transport(far) as never)
      await near.start()
      await near.send(call(1, 'health') as never)
      await near.send(call(2, 'plain') as never)
      await all
      expect(answers.get(1)).toContain('served')
      expect(answers.get(2)).toContain('identity_missing')
      await near.close()
      await closed
    },
  )

  test('whose getter says nothing is refused', async () => {
    const [, far] = linkedPair(generation)
    await expect(build().connect(new GetterThatSaysNothing(far) as never)).rejects.toThrow(
      new TypeError('the transport does not return the onmessage that the server has set'),
    )
  })
})
