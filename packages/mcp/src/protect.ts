import type { Authenticator } from '@onbehalf/core'
import { andThen, assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { createGateHandlers } from './decisions/gate-handlers.ts'
import { openGate } from './gate/gate.ts'
import { followHandlers } from './handlers/follow-handlers.ts'
import { openOlderStream } from './http/older-stream.ts'
import { StreamExpiry } from './http/stream-expiry.ts'
import { wrapHttp } from './http/wrap-http.ts'
import { Items } from './items/items.ts'
import { maySurprise, watchHandlers } from './items/own-handlers.ts'
import { reportHidden, watchItems } from './items/watch-items.ts'
import { closeListen, openListen } from './listen/close-listen.ts'
import { createSettings, type ServerOptions, serverOptions } from './options.ts'
import { announceLists } from './owners/announce-lists.ts'
import { isolateEvents, SessionOwner } from './owners/session-owner.ts'
import {
  type Authentication,
  type CreateServer,
  createAuthentication,
  type EntryServer,
  isProtected,
  keepProtection,
  lowLevelServer,
  type ProtectableServer,
  type Protection,
  protectionOf,
  type Settings,
} from './protection.ts'
import { authenticateLine, isPlain } from './stdio/authenticate-line.ts'
import {
  assertStdio,
  createLineCredential,
  hasToken,
  type TokenOptions,
  tokenOptions,
} from './stdio/token.ts'
import { tellOperator, warnOnce } from './warn.ts'
import { observeErrors } from './wire/failures.ts'
import { sdkServer } from './wire/sdk-server.ts'
import type { Connectable, Transport } from './wire/transport.ts'

export interface ProtectOptions extends ServerOptions, TokenOptions {
  /**
   * Authenticates every request that arrives at a transport without a verified identity: over HTTP by
   * its headers, on stdio by `token` or `tokenFile`. Default: identities come with the `AuthInfo` of an
   * adapter such as `@onbehalf/express`, and without one there is none.
   */
  readonly authenticator?: Authenticator<unknown>
}

const known: OptionNames<ProtectOptions> = {
  ...serverOptions,
  ...tokenOptions,
  authenticator: true,
}

/**
 * Guards a server that you connect to transports yourself: SDK v1, sessions, a test in memory. For
 * `createMcpHandler` and `serveStdio` of SDK v2 use `protectedHandler` and `protectedStdio`. Returns
 * the same server, with a gate in front of every transport that it connects to.
 *
 * - With an `authenticator`, requests are authenticated before the transport reads them.
 * - The guard of a tool, prompt or resource decides before anything is validated, and again on the
 *   validated arguments. It decides on completions and subscriptions as well.
 * - Lists show each caller what the guards do not rule out.
 * - What has no guard, and every other request or notification, needs an identity; `allowPublic` and
 *   `rules` make exceptions.
 * - A missing scope is answered over HTTP with 403, so that clients can ask for consent.
 * - A session, its streams, its events and its tasks belong to the caller who opened them, in the
 *   organization of that time; to any other caller they do not exist. `connect` with the older HTTP
 *   and SSE transport answers a GET request that is refused, and resolves without a connection.
 *
 * `subscriptions/listen` of SDK v2 never reaches a server: for one that was protected by hand it is
 * answered with 500 over HTTP and opens no subscription on stdio, and the process is warned.
 *
 * @throws TypeError when the server is connected or protected already, or an option is unknown,
 *   undefined or wrong
 *
 * @example
 * ```ts
 * const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }), { authenticator })
 * server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 * ```
 */
export function protect<S extends ProtectableServer>(server: S, options: ProtectOptions = {}): S {
  assertOptions('protect', options, known)
  if (isProtected(server)) throw new TypeError('the server is already protected')
  const settings = createSettings(options, options.authenticator)
  const { authenticator } = settings
  const authentication = authenticator && createAuthentication(authenticator, settings)
  guardServer(server, settings, authentication && new Arrival(authentication, settings, options))
  closeListen(lowLevelServer(server))
  if (Object.keys(options).length === 0) plain.add(lowLevelServer(server))
  return server
}

/** How identities arrive at a server that authenticates its own requests. */
class Arrival {
  readonly authentication: Authentication
  readonly #settings: Settings
  readonly #token: TokenOptions

  constructor(authentication: Authentication, settings: Settings, token: TokenOptions) {
    this.authentication = authentication
    this.#settings = settings
    this.#token = token
  }

  /** @throws TypeError for a transport that cannot bring a credential */
  prepare(transport: Transport): void {
    const isOfEntry = 'handleMessage' in transport && isPlain(transport)
    if (isOfEntry) {
      throw new TypeError('serve a server of createMcpHandler with protectedHandler')
    }
    if (!isPlain(transport)) return
    if (hasToken(this.#token)) assertStdio(transport)
    const { acceptsGuests, report } = this.#settings
    const credential = createLineCredential(this.#token, this.authentication, acceptsGuests)
    authenticateLine(transport, credential, report)
  }
}

/**
 * Puts a gate in front of every transport that a server connects to. Without `arrival`, identities
 * come with the `AuthInfo` of each request.
 *
 * @throws TypeError when the server is connected or protected already
 */
function guardServer(server: ProtectableServer, settings: Settings, arrival?: Arrival): void {
  const low = lowLevelServer(server)
  if (low.transport !== undefined) throw new TypeError('protect the server before it is connected')
  if (isProtected(server)) return adopt(low, settings)
  const items = new Items(reportHidden(low))
  watchItems(server, low, (kind, key, registered, handler) =>
    items[kind].add(key, registered, handler),
  )
  const servesItself = watchHandlers(server, low, (kind) => items.has(kind))
  const protection: Protection = { ...settings, items, server: sdkServer(low), servesItself }
  keepProtection(low, protection)
  observeErrors(low)
  followHandlers(low)
  // A low-level server never shows what its rules are about.
  const hasItems = low !== (server as object)
  guardConnections(low, protection, { arrival, hasItems })
}

/**
 * A factory whose servers are guarded, in the job in which it makes them: what no server has taken by
 * the end of that job counts as a lost guard. The operator is warned of a server that cannot be
 * guarded: the SDK reports to no one.
 */
export function guardFactory(createServer: CreateServer, settings: Settings): CreateServer {
  const guard = (server: EntryServer): EntryServer => {
    try {
      guardServer(server, settings)
    } catch (error) {
      warnOnce(`No server is served: ${(error as Error).message}`, 'ONBEHALF_NOT_SERVED')
      throw error
    }
    return server
  }
  return (context) => andThen(createServer(context), guard)
}

/** Servers that were protected without options: an entry would drop rules that were given here. */
const plain = new WeakSet<Connectable>()

/** A server that its factory protected early, as prompts of SDK v2 need: the entry's settings count. */
function adopt(low: Connectable, settings: Settings): void {
  if (!plain.has(low)) throw new TypeError('give the options of protect to the entry instead')
  Object.assign(protectionOf(low), settings)
  openListen(low)
}

function guardConnections(
  low: Connectable,
  protection: Protection,
  { arrival, hasItems }: { readonly arrival: Arrival | undefined; readonly hasItems: boolean },
): void {
  const connect = low.connect.bind(low)
  const gated = new WeakSet<Transport>()
  low.connect = async (transport) => {
    // The first moment at which a server has all its items.
    if (hasItems) assertRules(low, protection)
    if (!gated.has(transport)) {
      const handlers = createGateHandlers(protection, () => announceLists(low))
      arrival?.prepare(transport)
      const opening =
        'handlePostMessage' in transport
          ? openOlderStream(transport, arrival?.authentication)
          : undefined
      const opened = opening instanceof Promise ? await opening : opening
      // Nobody is served: the answer has left.
      if (opened === 'refused') return
      gated.add(transport)
      const session = new SessionOwner(transport, opened)
      const streams = new StreamExpiry(transport, protection.now)
      if (opened !== undefined) streams.isOpenedBy(opened.by)
      openGate(transport, handlers, session, () => streams.closed())
      wrapHttp(transport, {
        authentication: arrival?.authentication,
        session,
        streams,
        resumesSafely: isolateEvents(transport),
        onForeign: (method, identity) => handlers.onForeign(method, identity),
      })
    }
    return connect(transport)
  }
}

/**
 * Compares rules and items.
 *
 * @throws TypeError when they do not fit
 */
function assertRules(low: Connectable, { rules, items, servesItself }: Protection): void {
  const unmatched = rules.assertFits(items, (kind) =>
    maySurprise(kind, low, servesItself, items.has(kind)),
  )
  for (const message of unmatched) tellOperator(low, message, 'ONBEHALF_RULE_UNMATCHED')
}
