import type { Identity, Store } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { systemTime } from './current-identity.ts'
import type { Protection } from './decide-request.ts'
import type { DecisionEvent } from './decision-event.ts'
import { type GateRules, openGate } from './gate.ts'
import { openFront } from './http-front.ts'
import { createRules } from './rules.ts'
import { addScopeChallenge, createScopeFinder, type FindMissingScopes } from './scope-challenge.ts'
import { SessionOwner } from './session-owner.ts'
import { TaskOwners } from './task-owners.ts'
import { ToolTable } from './tool-table.ts'
import type { Connectable, Transport } from './transport.ts'
import { watchTools } from './watch-tools.ts'

/** An `McpServer` or a low-level `Server` of either SDK generation. */
export interface ProtectableServer {
  connect(transport: never): Promise<void>
}

export interface ProtectOptions {
  /** Seconds since 1970. Default: the system's clock. */
  readonly clock?: () => number
  /**
   * Hears of every decision on a request, allowed or denied; lists are left out. An exception goes
   * to the server's `onerror` and changes nothing for the caller.
   */
  readonly onDecision?: (event: DecisionEvent) => void
  /**
   * Shows every tool to a gateway that lists without a person, as gateways do to synchronize their
   * own lists. Its calls are decided as ever. Default: it sees what it may call.
   */
  readonly listToGateway?: boolean
  /**
   * Where owners of tasks are kept. Give the servers of all processes the same one if a task may be
   * asked for in another process than the one that made it. Default: in the memory of this process.
   */
  readonly store?: Store
}

const protectedServers = new WeakSet<object>()

/**
 * Puts a gate in front of every transport that a server connects to, and returns the same server.
 *
 * - A tool's guard decides before its arguments are validated, and again on the validated ones.
 * - `tools/list` shows each caller the tools that their guards do not rule out.
 * - Tools without a guard, and every other request, need an identity; `allowPublic` makes
 *   exceptions of tools.
 * - A missing scope is answered over HTTP with 403, so that clients can ask for consent.
 * - `currentIdentity()` works below every handler, on any transport.
 * - A session, its streams and its tasks belong to the caller who opened them, in the organization
 *   of that time; to anybody else they do not exist.
 *
 * It does not verify tokens: identities come with the `AuthInfo` that `createAuthInfo` made. It does
 * not see `subscriptions/listen` of SDK v2.
 *
 * @throws TypeError when the server is connected or protected already
 *
 * @example
 * ```ts
 * const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
 * server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 * ```
 */
export function protect<S extends ProtectableServer>(server: S, options: ProtectOptions = {}): S {
  const low = lowLevelServer(server)
  if (protectedServers.has(low)) throw new TypeError('the server is already protected')
  if (low.transport !== undefined) throw new TypeError('protect the server before it is connected')
  protectedServers.add(low)

  const tools = new ToolTable()
  const report = createReport(low, options)
  const { clock: now = systemTime, listToGateway = false } = options
  const tasks = new TaskOwners(options.store)
  const protection: Protection = { tools, tasks, now, report, listToGateway }
  const findMissingScopes = createScopeFinder(protection)
  watchTools(server, (name, registered, handler) => {
    tools.add(name, registered, handler)
    addScopeChallenge(registered, findMissingScopes)
  })
  guardConnections(low, createRules(protection), findMissingScopes)
  return server
}

// `McpServer` of both generations holds the server that connects, and connects through it.
function lowLevelServer(server: object): Connectable {
  return 'server' in server ? (server.server as Connectable) : (server as Connectable)
}

function guardConnections(low: Connectable, rules: GateRules, find: FindMissingScopes): void {
  const connect = low.connect.bind(low)
  const gated = new WeakSet<Transport>()
  low.connect = (transport) => {
    if (!gated.has(transport)) {
      gated.add(transport)
      const session = new SessionOwner(transport, openerOf(transport))
      openGate(transport, rules, session)
      openFront(transport, {
        session,
        onForeign: (method, identity) => rules.onForeign(method, identity),
        findMissingScopes: find,
      })
    }
    return connect(transport)
  }
}

// The older HTTP and SSE transport is made for the GET request that opened its stream.
function openerOf(transport: Transport): Identity | undefined {
  const { res: response } = transport as { res?: { req?: { auth?: unknown } } }
  return identityOfAuthInfo(response?.req?.auth)
}

function createReport(low: Connectable, { onDecision }: ProtectOptions): Protection['report'] {
  const failed = (cause: unknown): void => low.onerror?.(new Error('onDecision failed', { cause }))
  return (event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be nobody's.
      void Promise.resolve(onDecision?.(event)).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}
