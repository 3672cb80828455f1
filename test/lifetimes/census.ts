import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Counts what is alive: the objects that it was shown, and the timers that wait. */
export class Census {
  readonly #timers = new Set<object>()
  readonly #restore: () => void
  readonly #dead = new FinalizationRegistry<void>(() => {
    this.#alive -= 1
  })
  #alive = 0
  #seen = 0

  /** Timers count from now on, until {@link close}. */
  constructor() {
    this.#restore = watchTimers(this.#timers)
  }

  /** What must not outlive its round. */
  track(...objects: readonly object[]): void {
    for (const object of objects) {
      this.#alive += 1
      this.#seen += 1
      this.#dead.register(object, undefined)
    }
  }

  get seen(): number {
    return this.#seen
  }

  get timers(): number {
    return this.#timers.size
  }

  /** How many of the tracked objects are alive, once the collector has had its chances. */
  async alive(): Promise<number> {
    for (let round = 0; round < 20 && (round < 2 || this.#alive > 0); round++) {
      await delay(10)
      collect()
    }
    await delay(10)
    return this.#alive
  }

  /** Bytes of the heap once it is as small as it gets. */
  async heap(): Promise<number> {
    await this.alive()
    collect()
    return process.memoryUsage().heapUsed
  }

  close(): void {
    this.#restore()
  }
}

/** Only those of our code and of the SDKs: Node.js has its own way to set a timer. */
function watchTimers(pending: Set<object>): () => void {
  const { setTimeout, clearTimeout } = globalThis
  const set = (work: (...given: unknown[]) => void, ...rest: [number?, ...unknown[]]) => {
    const run = (...given: unknown[]): void => {
      pending.delete(timer)
      work(...given)
    }
    const timer = setTimeout(run, ...rest)
    pending.add(timer)
    return timer
  }
  const clear = (timer: NodeJS.Timeout | undefined): void => {
    if (timer !== undefined) pending.delete(timer)
    clearTimeout(timer)
  }
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear })
  return () => void Object.assign(globalThis, { setTimeout, clearTimeout })
}
