import type { ParsedLine } from '../chain/parse-line.ts'
import { type EventMark, readMark } from '../log/read-event.ts'
import type { UnknownOutcome } from './report.ts'

const maxListed = 1_000

/** Pairs intents with results. Holds only the calls that are open at a time. */
export class OpenCalls {
  dropped = 0
  readonly #open = new Map<string, number>()

  /** Returns false for what is not an event. */
  take(bytes: Buffer, { event, seq }: ParsedLine): boolean {
    const mark = readMark(bytes.toString('latin1', event.start, event.end))
    if (mark === undefined) return false
    this.#note(mark, seq)
    return true
  }

  #note({ type, id, intent, dropped }: EventMark, seq: number): void {
    this.dropped += dropped
    if (type === 'intent') this.#open.set(id, seq)
    else if (type === 'result' && intent !== undefined) this.#open.delete(intent)
  }

  get count(): number {
    return this.#open.size
  }

  first(): readonly UnknownOutcome[] {
    return [...this.#open].slice(0, maxListed).map(([id, seq]) => ({ id, seq }))
  }
}
