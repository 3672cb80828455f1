import { createHash } from 'node:crypto'
import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { authInfoOf } from '../handlers/identity-of.ts'

/** What a transport shows of its session. */
export interface SessionTransport {
  readonly sessionId?: string | undefined
  closeStandaloneSSEStream?: () => void
}

/** Whom a caller is, and for which organization: what sessions, tasks and request state belong to. */
type Caller = Pick<Identity, 'issuer' | 'subject' | 'organization'>

/** No more of a caller than a session needs to remember. */
function nameOf({ issuer, subject, organization }: Caller): Caller {
  return { issuer, subject, ...(organization && { organization }) }
}

/** A caller as one string. A token refresh does not change it. */
export function ownerOf({ issuer, subject, organization }: Caller): string {
  return JSON.stringify([issuer, subject, organization?.id ?? null])
}

/**
 * The caller of a handler's context as one string, made of issuer, subject and organization: equal
 * for two requests of the same user in the same organization, whatever token they carry. Callers
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
    one?.organization?.id === other?.organization?.id
  )
}

/**
 * Whose session a transport serves: that of the first identity which speaks in it. Transports
 * without a session, and sessions that no identity has spoken in, have no owner.
 */
export class SessionOwner {
  readonly #transport: SessionTransport
  #owner: Caller | undefined
  /** Of a transport without a session: who spoke first, and whether others did. */
  #first: { readonly caller: Caller | undefined } | undefined
  #isShared = false

  /** `opener` is who opened the connection, if that is known before anyone speaks. */
  constructor(transport: SessionTransport, opener?: Identity) {
    this.#transport = transport
    this.#owner = opener && nameOf(opener)
  }

  /** The one caller there is; undefined where several speak, as they can without a session. */
  get soleCaller(): string | undefined {
    return this.#isShared ? undefined : callerOf(this.#owner ?? this.#first?.caller)
  }

  /** Whether this caller may take part. */
  admits(caller: Identity | undefined): boolean {
    if (this.#transport.sessionId === undefined) return this.#hear(caller)
    if (this.#owner !== undefined) return isSameCaller(this.#owner, caller)
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
