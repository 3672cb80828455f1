import { randomUUID } from 'node:crypto'

type Send = (eventId: string, message: never) => Promise<void>

/** The `EventStore` of both SDK generations. */
export interface Events {
  storeEvent(streamId: string, message: never): Promise<string>
  getStreamIdForEventId?(eventId: string): Promise<string | undefined>
  replayEventsAfter(lastEventId: string, options: { send: Send }): Promise<string>
}

/**
 * One session's part of an event store that several sessions share. The transports of both SDK
 * generations replay whatever event a caller names, and use one name for the GET streams of all
 * sessions: without this, `Last-Event-ID` reads the events of other callers.
 *
 * Call it once for each transport. An event store that serves one transport alone does not need it.
 *
 * @example
 * ```ts
 * const eventStoreOf = (shared: Events) => ownEvents(shared)
 * ```
 */
export function ownEvents(store: Events): Events {
  const prefix = `${randomUUID()}:`
  const find = store.getStreamIdForEventId?.bind(store)
  const own = (streamId: string | undefined): string | undefined =>
    streamId?.startsWith(prefix) ? streamId.slice(prefix.length) : undefined
  return {
    storeEvent: (streamId, message) => store.storeEvent(prefix + streamId, message),
    ...(find && { getStreamIdForEventId: async (eventId: string) => own(await find(eventId)) }),
    replayEventsAfter: async (lastEventId, { send }) => {
      // A store may tell only afterwards whose events they were.
      const held: Parameters<Send>[] = []
      const hold: Send = async (...event) => void held.push(event)
      const streamId = own(await store.replayEventsAfter(lastEventId, { send: hold }))
      if (streamId === undefined) throw new Error('Unknown event')
      for (const event of held) await send(...event)
      return streamId
    },
  }
}
