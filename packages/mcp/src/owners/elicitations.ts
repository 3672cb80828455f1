import { randomUUID } from 'node:crypto'
import { type Identity, memoryStore, type Store } from '@onbehalf/core'
import { deny } from '@onbehalf/core/guards'
import { Places } from '@onbehalf/core/internal'
import { AccessDeniedError } from '../handlers/denial.ts'
import { identityOf } from '../handlers/identity-of.ts'
import { digest } from './session-owner.ts'

export interface ElicitationOptions {
  /**
   * Where it is kept whom a URL was sent to. Give every process the same one if the page may be
   * served by another than the server. Default: in the memory of this process.
   */
  readonly store?: Store
  /** For how long a URL can be opened. Default 600. */
  readonly ttlSeconds?: number
}

/** The URLs that users were sent to. */
export interface Elicitations {
  /**
   * An id for the URL that the caller of this context is sent to.
   *
   * @throws AccessDeniedError when the caller has no identity, or as many open ones as are free
   */
  open(context: unknown): Promise<string>
  /** Whether this is the user who was sent to the URL with this id, in time. */
  isFor(id: string, identity: Identity | undefined): Promise<boolean>
}

/**
 * Binds URL elicitations to the user who was asked. The URL travels through a chat: anyone
 * who sees it could complete it with their own account, or complete another caller's.
 *
 * Issuer and subject must be the same on both sides. The organization does not count, since the
 * sign-in of a web page often knows none: keep the one of the call with what you keep of it.
 *
 * It does not verify the visitor of the page: give it the identity that your authenticator made of
 * that request. It does not use up an id: the page decides what a second visit does.
 *
 * @throws TypeError when `ttlSeconds` is not positive
 *
 * @example
 * ```ts
 * const elicitations = createElicitations()
 * server.registerTool(
 *   'connect',
 *   { inputSchema },
 *   requireUser(async (_args, ctx) => reply(await elicitations.open(ctx))),
 * )
 * ```
 */
export function createElicitations(options: ElicitationOptions = {}): Elicitations {
  const { store = memoryStore(), ttlSeconds = 600 } = options
  const places = new Places()
  if (!(ttlSeconds > 0)) throw new TypeError('ttlSeconds must be positive')
  return {
    open: async (context) => {
      const identity = identityOf(context)
      if (!identity) throw new AccessDeniedError(deny('elicitation', 'identity_missing'))
      const owner = digest(identity.principal)
      const place = places.take(owner)
      if (place === undefined) throw new AccessDeniedError(deny('elicitation', 'too_many_open'))
      places.keep(place, ttlSeconds)
      const id = randomUUID()
      await store.add(keyOf(id), owner, ttlSeconds)
      return id
    },
    isFor: async (id, identity) => {
      if (identity === undefined) return false
      return (await store.get(keyOf(id))) === digest(identity.principal)
    },
  }
}

function keyOf(id: string): string {
  return `elicitation:${digest(id)}`
}
