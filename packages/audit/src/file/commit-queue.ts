/** How much may wait, and how much is committed at once. */
export interface QueueLimits {
  readonly maxQueued: number
  readonly maxQueuedBytes: number
}

interface Waiting {
  readonly text: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const maxBatchLength = 4_194_304

/**
 * Lets all that wait share one commit. One batch is under way at a time; what arrives meanwhile is
 * the next one.
 */
export class CommitQueue {
  readonly #commit: (batch: readonly string[]) => Promise<void>
  readonly #limits: QueueLimits
  #waiting: Waiting[] = []
  #count = 0
  #length = 0
  #running: Promise<void> | undefined
  #closed = false

  constructor(commit: (batch: readonly string[]) => Promise<void>, limits: QueueLimits) {
    this.#commit = commit
    this.#limits = limits
  }

  /** Resolves when the text is committed; rejects when it is not, or when too much waits. */
  add(text: string): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the audit log is closed'))
    if (this.#isFull(text)) return Promise.reject(new Error('the queue of the audit log is full'))
    this.#count += 1
    this.#length += text.length
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    await this.#running
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  #isFull(text: string): boolean {
    const { maxQueued, maxQueuedBytes } = this.#limits
    return this.#count >= maxQueued || this.#length + text.length > maxQueuedBytes
  }

  async #run(): Promise<void> {
    // Calls of the same turn share the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commitOne(this.#nextBatch())
    this.#running = undefined
  }

  #nextBatch(): readonly Waiting[] {
    let length = 0
    const end = this.#waiting.findIndex(({ text }) => {
      length += text.length
      return length > maxBatchLength
    })
    if (end < 0) {
      const all = this.#waiting
      this.#waiting = []
      return all
    }
    return this.#waiting.splice(0, Math.max(end, 1))
  }

  // What is under way still counts as waiting: it is in memory.
  async #commitOne(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.#commit(batch.map(({ text }) => text))
      this.#leave(batch)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      this.#leave(batch)
      for (const { reject } of batch) reject(error)
    }
  }

  #leave(batch: readonly Waiting[]): void {
    this.#count -= batch.length
    for (const { text } of batch) this.#length -= text.length
  }
}
