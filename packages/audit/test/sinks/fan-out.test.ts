import { type AuditEvent, fanOut } from '@onbehalf/audit'
import { expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'

function list(): { sink: (event: AuditEvent) => Promise<void>; events: AuditEvent[] } {
  const events: AuditEvent[] = []
  return { events, sink: (event) => Promise.resolve(void events.push(event)) }
}

const failing = (): Promise<void> => Promise.reject(new Error('down'))
const silent = (): Promise<void> => new Promise(() => undefined)

it('hands every event to every sink', async () => {
  const [a, b] = [list(), list()]
  const sink = fanOut([
    { sink: a.sink, required: true },
    { sink: b.sink, required: false },
  ])
  const event = eventOf(1)
  await sink.write(event)
  expect([a.events, b.events]).toEqual([[event], [event]])
})

it('has not recorded what a required sink lacks', async () => {
  const sink = fanOut([
    { sink: list().sink, required: true },
    { sink: failing, required: true },
  ])
  await expect(sink.write(eventOf(1))).rejects.toThrow('down')
})

it('does not wait for an optional sink, and tells its failures', async () => {
  const told: unknown[] = []
  const sink = fanOut(
    [
      { sink: list().sink, required: true },
      { sink: failing, required: false },
      { sink: silent, required: false },
    ],
    { maxPending: 1, onError: (error) => told.push(error) },
  )
  await sink.write(eventOf(1))
  await sink.write(eventOf(2))
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toHaveLength(3)
  expect(told).toContainEqual(new Error('down'))
  expect(told).toContainEqual(new Error('too many events wait for an optional sink'))
})

it('closes all, also when one fails', async () => {
  let isClosed = false
  const sink = fanOut([
    { sink: { write: silent, close: failing }, required: true },
    { sink: { write: silent, close: async () => void (isClosed = true) }, required: true },
  ])
  await expect(sink.close()).rejects.toThrow('down')
  expect(isClosed).toBe(true)
})

it('needs a sink that is required', () => {
  expect(() => fanOut([{ sink: silent, required: false }])).toThrow(TypeError)
})
