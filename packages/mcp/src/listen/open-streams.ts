import type { Identity } from '@onbehalf/core'
import { callerOf } from '../owners/session-owner.ts'
import type { ListenStream } from './listen-stream.ts'

/** The streams that one entry has open, by whose they are. */
export class OpenStreams {
  readonly #byCaller = new Map<string, Set<ListenStream>>()

  /** @returns forgets it */
  add(stream: ListenStream): () => void {
    const caller = callerOf(stream.identity)
    const streams = this.#byCaller.get(caller) ?? new Set()
    this.#byCaller.set(caller, streams.add(stream))
    return () => {
      streams.delete(stream)
      if (streams.size === 0 && this.#byCaller.get(caller) === streams) {
        this.#byCaller.delete(caller)
      }
    }
  }

  /** Has streams tell their caller, who sends a request, of lists that have grown for them. */
  hear(identity: Identity | undefined): void {
    if (identity === undefined || this.#byCaller.size === 0) return
    for (const stream of this.#byCaller.get(callerOf(identity)) ?? []) stream.hear(identity)
  }
}
