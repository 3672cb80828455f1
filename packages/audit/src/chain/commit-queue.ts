import { EventBatch } from './batch.ts'

/** How much may wait. */
export interface QueueLimits {
  readonly maxQueued: number
  readonly maxQueuedBytes: number
}

const maxBatchBytes = 4_194_304

/**
 * Lets all that wait share one commit. One batch is under way at a time; what arrives meanwhile is
 * the next one.
 */
export class CommitQueue {
  readonly #commit: (batch: EventBatch) => Promise<void>
  readonly #limits: QueueLimits
  // The last one still takes events.
  readonly #batches: EventBatch[] = []
  // What is under way counts too: it is in memory.
  #count = 0
  #bytes = 0
  #running: Promise<void> | undefined
  #isClosed = false

  constructor(commit: (batch: EventBatch) => Promise<void>, limits: QueueLimits) {
    this.#commit = commit
    this.#limits = limits
  }

  /** Resolves when the text is committed; rejects when it is not, or when too much waits. */
  add(text: string): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('the audit log is closed'))
    const { maxQueued, maxQueuedBytes } = this.#limits
    if (this.#count >= maxQueued || this.#bytes + text.length > maxQueuedBytes) {
      return Promise.reject(new Error('the queue of the audit log is full'))
    }
    const batch = this.#openBatch()
    const before = batch.length
    batch.add(text)
    this.#count += 1
    this.#bytes += batch.length - before
    this.#running ??= this.#run()
    return batch.committed
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  #openBatch(): EventBatch {
    const last = this.#batches.at(-1)
    if (last !== undefined && last.length < maxBatchBytes) return last
    const batch = new EventBatch()
    this.#batches.push(batch)
    return batch
  }

  async #run(): Promise<void> {
    // Calls of the same turn share the first batch.
    await Promise.resolve()
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      await this.#commitOne(batch)
    }
    this.#running = undefined
  }

  async #commitOne(batch: EventBatch): Promise<void> {
    try {
      await this.#commit(batch)
      batch.resolve()
    } catch (error) {
      batch.reject(error)
    } finally {
      this.#count -= batch.count
      this.#bytes -= batch.length
    }
  }
}
