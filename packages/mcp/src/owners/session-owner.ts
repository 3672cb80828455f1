import type { Identity } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { authInfoOf } from '../handlers/identity-of.ts'

/** What a transport shows of its session. */
export interface SessionTransport {
  readonly sessionId?: string | undefined
  closeStandaloneSSEStream?: () => void
}

/**
 * Names whom a caller is, and for which organization: what sessions, tasks and request state belong
 * to. A token refresh does not change it.
 */
export function ownerOf(identity: Identity): string {
  return JSON.stringify([identity.issuer, identity.subject, identity.organization?.id ?? null])
}

/**
 * The caller of a handler's context as one string, made of issuer, subject and organization: equal
 * for two requests of the same person in the same organization, whatever token they carry. Callers
 * without an identity are all alike.
 *
 * Give it to whatever keeps state between requests and has to keep people apart, such as the
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
export function callerOf(identity: Identity | undefined): string {
  return identity === undefined ? 'nobody' : ownerOf(identity)
}

/** Whether two requests come from the same caller; two without an identity do. */
export function isSameCaller(one: Identity | undefined, other: Identity | undefined): boolean {
  return one === other || callerOf(one) === callerOf(other)
}

/**
 * Whose session a transport serves: that of the first identity which speaks in it. Transports
 * without a session, and sessions in which nobody has identified himself, have no owner.
 */
export class SessionOwner {
  readonly #transport: SessionTransport
  #owner: string | undefined
  #speaker: { readonly identity: Identity | undefined } | undefined
  #isShared = false

  /** `opener` is who opened the connection, where that is known before anybody speaks. */
  constructor(transport: SessionTransport, opener?: Identity) {
    this.#transport = transport
    this.#owner = opener && ownerOf(opener)
  }

  /** The one caller there is; undefined where several speak, as they can without a session. */
  get soleCaller(): string | undefined {
    if (this.#owner !== undefined) return this.#owner
    return this.#isShared ? undefined : callerOf(this.#speaker?.identity)
  }

  /** Whether this caller may take part. */
  admits(identity: Identity | undefined): boolean {
    this.#speaker ??= { identity }
    if (!isSameCaller(this.#speaker.identity, identity)) this.#isShared = true
    if (this.#transport.sessionId === undefined) return true
    const caller = identity && ownerOf(identity)
    if (this.#owner !== undefined) return caller === this.#owner
    if (caller !== undefined) this.#adopt(caller)
    return true
  }

  // A stream that somebody unknown opened must not hear what is now said to the owner.
  #adopt(caller: string): void {
    this.#owner = caller
    this.#transport.closeStandaloneSSEStream?.()
  }
}
