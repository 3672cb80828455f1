import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PendingEvents } from '../../src/trail/pending-events.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('PendingEvents', () => {
  /** Adds an event each 100 ms, and notes at which time it was late. */
  function staggered(pending: PendingEvents, count: number) {
    const started = performance.now()
    const late: string[] = []
    const events = Array.from({ length: count }, (_, at) => {
      if (at > 0) vi.advanceTimersByTime(100)
      return pending.add(() => late.push(`${at} at ${performance.now() - started}`))
    })
    return { events, late }
  }

  it('lets each event wait equally long, by one timer', () => {
    const pending = new PendingEvents(1)
    const { late } = staggered(pending, 4)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(10_000)
    expect(late).toEqual(['0 at 1000', '1 at 1100', '2 at 1200', '3 at 1300'])
    expect(vi.getTimerCount()).toBe(0)
    expect(pending.size).toBe(4)
  })

  it('does not report events that were settled in time', () => {
    const pending = new PendingEvents(1)
    const { events, late } = staggered(pending, 3)
    for (const event of [events[0], events[2]]) if (event) pending.remove(event)
    vi.advanceTimersByTime(10_000)
    expect(late).toEqual(['1 at 1100'])
    expect(pending.size).toBe(1)
  })

  it('keeps no timer when nothing is pending, and starts again', () => {
    const pending = new PendingEvents(1)
    const [only] = staggered(pending, 1).events
    if (only) pending.remove(only)
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(900)
    const { late } = staggered(pending, 1)
    vi.advanceTimersByTime(999)
    expect(late).toEqual([])
    vi.advanceTimersByTime(1)
    expect(late).toEqual(['0 at 1000'])
  })

  it('is drained when late events and those that nobody waits for are settled, too', async () => {
    const pending = new PendingEvents(1)
    const { events } = staggered(pending, 1)
    const unawaited = pending.add()
    vi.advanceTimersByTime(1_000)
    let isDrained = false
    const drained = pending.drained().then(() => {
      isDrained = true
    })
    for (const event of [...events, unawaited]) {
      await Promise.resolve()
      expect(isDrained).toBe(false)
      pending.remove(event)
    }
    await drained
    expect(pending.size).toBe(0)
  })
})
