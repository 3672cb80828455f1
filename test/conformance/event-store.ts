/** The events of one session, in memory: `Last-Event-ID` finds what came after. */
export class SessionEvents {
  readonly #events: { readonly streamId: string; readonly message: never }[] = []

  async storeEvent(streamId: string, message: never): Promise<string> {
    return String(this.#events.push({ streamId, message }) - 1)
  }

  async getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return this.#events[Number(eventId)]?.streamId
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { readonly send: (eventId: string, message: never) => Promise<void> },
  ): Promise<string> {
    const streamId = await this.getStreamIdForEventId(lastEventId)
    if (streamId === undefined) throw new Error('Unknown event')
    for (const [index, event] of this.#events.entries()) {
      const isLater = index > Number(lastEventId) && event.streamId === streamId
      // A message without a method or an id only opened the stream.
      if (isLater && Object.keys(event.message).length > 0) await send(String(index), event.message)
    }
    return streamId
  }
}
