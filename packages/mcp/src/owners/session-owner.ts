import { createHash, randomUUID } from 'node:crypto'
import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { authInfoOf } from '../handlers/identity-of.ts'

/** What a transport shows of its session. */
export interface SessionTransport {
  readonly sessionId?: string | undefined
  closeStandaloneSSEStream?: () => void
  close?: () => Promise<void>
}

/**
 * Whom a caller is, for which organization and at which of several resources: what sessions, tasks and
 * request state belong to.
 */
type Caller = Pick<Identity, 'issuer' | 'subject' | 'organization' | 'resource'>

/** No more of a caller than a session needs to remember. */
function nameOf({ issuer, subject, organization, resource }: Caller): Caller {
  return { issuer, subject, ...(organization && { organization }), ...(resource && { resource }) }
}

/** A caller as one string. A token refresh does not change it. */
export function ownerOf({ issuer, subject, organization, resource }: Caller): string {
  const place = resource === undefined ? [] : [resource.id]
  return JSON.stringify([issuer, subject, organization?.id ?? null, ...place])
}

/**
 * The caller of a handler's context as one string, made of issuer, subject and organization, and of
 * the resource where the server has several: equal for two requests of the same user in the same
 * organization, whatever token they carry. Callers
 * without an identity are all alike.
 *
 * Give it to whatever keeps state between requests and has to keep users apart, such as the
 * request state of SDK v2. It names the caller who sent the request, not an organization that
 * `match` chose for one call.
 *
 * @example
 * ```ts
 * const drafts = new Map<string, string>()
 * server.registerTool('draft', { inputSchema }, async ({ month }, ctx) => {
 *   drafts.set(callerKey(ctx), month)
 *   return reply('kept')
 * })
 * ```
 */
export function callerKey(context: unknown): string {
  return callerOf(identityOfAuthInfo(authInfoOf(context)))
}

/** {@link callerKey} of an identity. */
export function callerOf(caller: Caller | undefined): string {
  return caller === undefined ? 'nobody' : ownerOf(caller)
}

/** Whether two requests come from the same caller; two without an identity do. */
export function isSameCaller(one: Caller | undefined, other: Caller | undefined): boolean {
  return (
    one?.subject === other?.subject &&
    one?.issuer === other?.issuer &&
    one?.organization?.id === other?.organization?.id &&
    one?.resource?.id === other?.resource?.id
  )
}

/**
 * Whose session a transport serves: that of the opener of its stream, or else of the first identity
 * which speaks in it. Transports without a session, and sessions that no identity has spoken in, have
 * no owner.
 */
export class SessionOwner {
  readonly #transport: SessionTransport
  readonly #isOpened: boolean
  #owner: Caller | undefined
  /** Of a transport without a session: who spoke first, and whether others did. */
  #first: { readonly caller: Caller | undefined } | undefined
  #isShared = false

  /** `opened` is who opened the stream of the session, where it is open before anyone speaks. */
  constructor(transport: SessionTransport, opened?: { readonly by: Identity | undefined }) {
    this.#transport = transport
    this.#isOpened = opened !== undefined
    this.#owner = opened?.by && nameOf(opened.by)
  }

  /** Whether there is a session. */
  get isOpen(): boolean {
    return this.#transport.sessionId !== undefined
  }

  /** The one caller there is; undefined where several speak, as they can without a session. */
  get soleCaller(): string | undefined {
    return this.#isShared ? undefined : callerOf(this.#owner ?? this.#first?.caller)
  }

  /** Whether this caller may take part. */
  admits(caller: Identity | undefined): boolean {
    if (!this.isOpen) return this.#hear(caller)
    // A stream that was opened by nobody would hear the caller who adopts its session.
    if (this.#isOpened || this.#owner !== undefined) return isSameCaller(this.#owner, caller)
    if (caller !== undefined) this.#adopt(caller)
    return true
  }

  #hear(caller: Identity | undefined): true {
    this.#first ??= { caller }
    this.#isShared ||= !isSameCaller(this.#first.caller, caller)
    return true
  }

  // A stream that an unknown caller opened must not get what is now sent to the owner.
  #adopt(caller: Identity): void {
    this.#owner = nameOf(caller)
    this.#transport.closeStandaloneSSEStream?.()
  }
}

/** Stores keep short ASCII text; ids and subjects may be anything. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

type Send = (eventId: string, message: never) => Promise<void>

/** The `EventStore` of both SDK generations. */
interface Events {
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

/** A stream that notifies its caller of lists that have grown. */
interface ListeningStream {
  readonly identity: Identity | undefined
  hear(identity: Identity): void
}

/** The streams that one entry has open, by whose they are. */
export class OpenStreams {
  readonly #byCaller = new Map<string, Set<ListeningStream>>()

  /** @returns forgets it */
  add(stream: ListeningStream): () => void {
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

  /** Has streams notify their caller, who sends a request, of lists that have grown for them. */
  hear(identity: Identity | undefined): void {
    if (identity === undefined || this.#byCaller.size === 0) return
    for (const stream of this.#byCaller.get(callerOf(identity)) ?? []) stream.hear(identity)
  }
}
