import type { Deny } from '@onbehalf/core/guards'

/** Answers a call in place of its handler, and asks that to stop. */
type EndCall = (decision: Deny) => void

// A process stops as a whole: this is of all servers in it.
const calls = new Map<object, EndCall>()
const streams = new Set<() => void>()

/** A call was handed to its server. */
export function callBegan(open: object, end: EndCall): void {
  calls.set(open, end)
}

/** It is answered, or nobody waits for it any more. */
export function callEnded(open: object): void {
  calls.delete(open)
}

export function hasRunningCalls(): boolean {
  return calls.size > 0
}

/** @returns how many calls were ended */
export function endCalls(decision: Deny): number {
  const running = [...calls.values()]
  for (const end of running) end(decision)
  return running.length
}

/** @returns is called when the stream is over */
export function streamOpened(end: () => void): () => void {
  // One function may be given for several streams.
  const entry = (): void => end()
  streams.add(entry)
  return () => void streams.delete(entry)
}

export function endStreams(): void {
  for (const end of streams) end()
}
