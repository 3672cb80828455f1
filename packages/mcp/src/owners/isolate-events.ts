import { randomUUID } from 'node:crypto'

type Send = (eventId: string, message: never) => Promise<void>

/** The `EventStore` of both SDK generations. */
export interface Events {
  storeEvent(streamId: string, message: never): Promise<string>
  getStreamIdForEventId?(eventId: string): Promise<string | undefined>
  replayEventsAfter(lastEventId: string, options: { send: Send }): Promise<string>
}

interface WithEvents {
  readonly sessionId?: string | undefined
  _eventStore?: Events | undefined
  readonly _webStandardTransport?: WithEvents
}

/**
 * Gives a transport its own part of the event store that it was made with. Transports of both SDK
 * generations replay whatever event `Last-Event-ID` names, and use one name for the GET streams of all
 * sessions: from a shared store a caller could read the events of others.
 *
 * @returns whether earlier events are known to be the transport's own; no public member shows a
 *   transport's store
 */
export function isolateEvents(transport: object): boolean {
  const outer = transport as WithEvents
  const web = outer._webStandardTransport ?? outer
  if (!('_eventStore' in web)) return false
  if (web._eventStore !== undefined) web._eventStore = partOf(web._eventStore, web)
  return true
}

function partOf(store: Events, transport: WithEvents): Events {
  const random = randomUUID()
  // A session that continues in another process finds its events there.
  const prefix = (): string => `${transport.sessionId ?? random}:`
  const find = store.getStreamIdForEventId?.bind(store)
  const own = (streamId: string | undefined): string | undefined =>
    streamId?.startsWith(prefix()) ? streamId.slice(prefix().length) : undefined
  return {
    storeEvent: (streamId, message) => store.storeEvent(prefix() + streamId, message),
    ...(find && { getStreamIdForEventId: async (eventId: string) => own(await find(eventId)) }),
    replayEventsAfter: async (lastEventId, { send }) => {
      // A store may say only afterwards whose events they were.
      const held: Parameters<Send>[] = []
      const hold: Send = async (...event) => void held.push(event)
      const streamId = own(await store.replayEventsAfter(lastEventId, { send: hold }))
      if (streamId === undefined) throw new Error('Unknown event')
      for (const event of held) await send(...event)
      return streamId
    },
  }
}
