import {
  type AuditTrail,
  type Authenticator,
  type AuthenticatorEvent,
  type CredentialRequest,
  createRefusal,
  type Identity,
  isIdentityError,
  type Refusal,
} from '@onbehalf/core'
import { type AuthInfo, createAuthInfo, type IdentityLoss } from '@onbehalf/core/auth-info'
import type { Allow, Deny } from '@onbehalf/core/guards'
import { type Awaitable, authenticateNow } from '@onbehalf/core/internal'
import type { Items } from './items/items.ts'
import type { ServesItself } from './items/own-handlers.ts'
import type { RuleTable } from './items/rule-table.ts'
import type { TaskOwners } from './owners/task-owners.ts'
import type { SdkServer } from './wire/sdk-server.ts'
import type { Connectable } from './wire/transport.ts'

/** An `McpServer` or a low-level `Server` of either SDK generation. */
export interface ProtectableServer {
  connect(transport: never): Promise<void>
}

/** A server as the factory for an entry of SDK v2 makes it. */
export interface EntryServer extends ProtectableServer {
  close(): Promise<void>
}

/** Makes a guarded server for what an entry says of a request. */
export type CreateServer = (context: never) => Awaitable<EntryServer>

/** One decision on one request, for the operator. */
export interface DecisionEvent {
  readonly type: 'decision'
  /**
   * JSON-RPC method, for example `tools/call`. Of a request to another caller's session, which is
   * not read, it is `HTTP` and the HTTP method.
   */
  readonly method: string
  /**
   * Name of the registered tool; absent for other methods and for names that no tool has. Of a tool
   * that a low-level handler serves, as the caller wrote it.
   */
  readonly tool?: string
  /** Name of the registered prompt. */
  readonly prompt?: string
  /** URI of the registered resource, or name of the template that serves it. */
  readonly resource?: string
  readonly identity: Identity | undefined
  readonly decision: Allow | Deny
  /**
   * Why a refused request has no identity, where that is a mistake in the set-up: nothing authenticated
   * it, its `AuthInfo` was copied or replaced, or another copy of `@onbehalf/core` made it.
   */
  readonly identityLoss?: IdentityLoss
  /** Id of a refused request, where its caller gets one: as `x-request-id`, or in the data of the error. */
  readonly requestId?: string
}

/** A limit with `whenStoreFails: 'open'` could not count a call, which runs all the same. */
export interface LimitEvent {
  readonly type: 'limit_unavailable'
  /** Its name. */
  readonly limit: string
  readonly cause: unknown
}

/** What happens on a guarded server: at authentication, and whenever a request is decided on. */
export type ServerEvent = AuthenticatorEvent | DecisionEvent | LimitEvent

/** What the servers of one entry share, and nothing of a single one. */
export interface Settings {
  readonly authenticator: Authenticator<unknown> | undefined
  readonly acceptsGuests: boolean
  readonly rules: RuleTable
  readonly tasks: TaskOwners
  /** Seconds since 1970. */
  readonly now: () => number
  /** Absent where nothing listens. */
  readonly report: ((event: ServerEvent) => void) | undefined
  readonly audit: AuditTrail | undefined
  /** Whether a refused item is answered as one that does not exist. */
  readonly hidesRefused: boolean
  /** Whether lists leave out what only a consent is missing for. */
  readonly hidesUnconsented: boolean
  readonly tracksIdentity: boolean
  /** How long a guard may take. */
  readonly guardSeconds: number
}

/** A protected server. */
export interface Protection extends Settings {
  readonly items: Items
  readonly server: SdkServer
  readonly servesItself: ServesItself
}

const protections = new WeakMap<object, Protection>()

export function keepProtection(low: Connectable, protection: Protection): void {
  protections.set(low, protection)
}

export function isProtected(server: object): boolean {
  return protections.has(lowLevelServer(server))
}

/** @throws TypeError when the server is not protected */
export function protectionOf(server: object): Protection {
  const protection = protections.get(lowLevelServer(server))
  if (protection === undefined) throw new TypeError('the server is not protected')
  return protection
}

/** `McpServer` of both generations holds the server that connects, and connects through it. */
export function lowLevelServer(server: object): Connectable {
  return 'server' in server ? (server.server as Connectable) : (server as Connectable)
}

/** Authenticates the requests of one server. */
export interface Authentication {
  /**
   * The record of a verified caller; undefined for a guest. A promise only where there is something to
   * wait for.
   *
   * @throws IdentityError by rejecting
   */
  authenticate(request: CredentialRequest): Awaitable<AuthInfo | undefined>
  /** Whether the path of a request decides which of several resources it is for. */
  readonly needsPath: boolean
  /** The answer to a request that was refused. */
  refuse(thrown: unknown): Refusal
}

export function createAuthentication(
  authenticator: Authenticator<unknown>,
  { acceptsGuests, audit, report }: Settings,
): Authentication {
  const options = { acceptsGuests, audit, onEvent: report }
  const toInfo = (identity: Identity<unknown>): AuthInfo => createAuthInfo(identity, authenticator)
  const asGuest = (error: unknown): undefined => {
    if (acceptsGuests && isIdentityError(error) && error.reason === 'no_credential') return
    throw error
  }
  return {
    needsPath: authenticator.resourceOf !== undefined,
    authenticate: (request) => {
      const found = authenticateNow(authenticator, request, options)
      return found instanceof Promise ? found.then(toInfo, asGuest) : toInfo(found)
    },
    refuse: (thrown) => createRefusal(thrown, authenticator),
  }
}
