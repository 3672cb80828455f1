import type { AuditTrail, Identity, Store } from '@onbehalf/core'
import { identityOfAuthInfo } from '@onbehalf/core/auth-info'
import { systemTime } from './ambient/delivery.ts'
import type { Protection } from './decisions/decide-request.ts'
import type { DecisionEvent } from './decisions/decision-event.ts'
import { createRules } from './decisions/rules.ts'
import { type GateRules, openGate } from './gate/gate.ts'
import { holdAnswer } from './http/hold-response.ts'
import { openFront } from './http/http-front.ts'
import {
  addScopeChallenge,
  createScopeFinder,
  type FindMissingScopes,
} from './http/scope-challenge.ts'
import { StreamExpiry } from './http/stream-expiry.ts'
import { Items } from './items/items.ts'
import { reportHidden } from './items/report-hidden.ts'
import type { Rule } from './items/rule.ts'
import { RuleTable } from './items/rule-table.ts'
import { watchItems } from './items/watch-items.ts'
import { SessionOwner } from './owners/session-owner.ts'
import { TaskOwners } from './owners/task-owners.ts'
import { lowLevelServer, protections } from './protections.ts'
import type { Connectable, Transport } from './wire/transport.ts'

/** An `McpServer` or a low-level `Server` of either SDK generation. */
export interface ProtectableServer {
  connect(transport: never): Promise<void>
}

export interface ProtectOptions {
  /** Seconds since 1970. Default: the system's clock. */
  readonly clock?: () => number
  /**
   * Called for every decision on a request, allowed or denied; lists are left out. An exception goes
   * to the server's `onerror` and changes nothing for the caller.
   */
  readonly onDecision?: (event: DecisionEvent) => void
  /**
   * Records each call before its handler runs and again before it is answered, and each refusal.
   * Handshakes, lists and notifications are left out. What a strict trail cannot record does not
   * run: over HTTP it is answered with 503.
   */
  readonly audit?: AuditTrail | undefined
  /**
   * Shows everything to a gateway that lists without a user, as gateways do to synchronize their
   * own lists. Its calls are still authorized. Default: it sees what it may call.
   */
  readonly listToGateway?: boolean
  /**
   * Guards by kind, name and annotations, for a whole server in one table. The first rule that
   * matches counts, and a handler's own guard counts beside it. `connect` rejects with a
   * `TypeError` when a rule matches nothing, never counts, or contradicts its handler.
   */
  readonly rules?: readonly Rule[]
  /**
   * Answers a refused tool, prompt or resource as one that does not exist, and asks nobody for
   * scopes. Default: the caller learns why it was refused.
   */
  readonly hideRefused?: boolean
  /**
   * Where owners of tasks are kept. Give the servers of all processes the same one if a task may be
   * asked for in another process than the one that made it. Default: in the memory of this process.
   */
  readonly store?: Store
}

/**
 * Puts a gate in front of every transport that a server connects to, and returns the same server.
 *
 * - The guard of a tool, prompt or resource decides before anything is validated, and again on the
 *   validated arguments. It decides on completions and subscriptions as well.
 * - Lists show each caller what the guards do not rule out.
 * - What has no guard, and every other request, needs an identity; `allowPublic` and `rules` make
 *   exceptions.
 * - A missing scope is answered over HTTP with 403, so that clients can ask for consent.
 * - `currentIdentity()` of `@onbehalf/mcp/current-identity` works below every handler, on any
 *   transport.
 * - A session, its streams and its tasks belong to the caller who opened them, in the organization
 *   of that time; to anyone else they do not exist.
 *
 * It does not verify tokens: identities come with the `AuthInfo` that `createAuthInfo` made. It does
 * not see `subscriptions/listen` of SDK v2: `protectHandler` and `protectStdio` do.
 *
 * @throws TypeError when the server is connected or protected already, or a rule is malformed
 *
 * @example
 * ```ts
 * const server = protect(new McpServer({ name: 'invoices', version: '1.0.0' }))
 * server.registerTool('list_invoices', { inputSchema }, requireOrg(listInvoices))
 * ```
 */
export function protect<S extends ProtectableServer>(server: S, options: ProtectOptions = {}): S {
  const low = lowLevelServer(server)
  if (protections.has(low)) throw new TypeError('the server is already protected')
  if (low.transport !== undefined) throw new TypeError('protect the server before it is connected')
  const protection = createProtection(low, options)
  protections.set(low, protection)
  const findMissingScopes = createScopeFinder(protection)
  watchItems(server, (kind, key, registered, handler) => {
    const item = protection.items[kind].add(key, registered, handler)
    addScopeChallenge(registered, findMissingScopes)
    return item
  })
  const assertFits = () => {
    if (low !== (server as object)) protection.rules.assertFits(protection.items)
  }
  guardConnections(low, createRules(protection), {
    findMissingScopes,
    assertFits,
    now: protection.now,
  })
  return server
}

function createProtection(low: Connectable, options: ProtectOptions): Protection {
  const { clock = systemTime, rules = [], store, audit } = options
  const { listToGateway = false, hideRefused = false } = options
  return {
    items: new Items(reportHidden(low)),
    rules: new RuleTable(rules),
    tasks: new TaskOwners(store),
    now: clock,
    report: createReport(low, options),
    audit,
    listToGateway,
    hideRefused,
  }
}

interface ConnectionRules {
  readonly findMissingScopes: FindMissingScopes
  /** @throws TypeError for rules that fit nothing */
  readonly assertFits: () => void
  readonly now: () => number
}

function guardConnections(low: Connectable, rules: GateRules, more: ConnectionRules): void {
  const { findMissingScopes, assertFits, now } = more
  const connect = low.connect.bind(low)
  const gated = new WeakSet<Transport>()
  low.connect = async (transport) => {
    // The first moment at which a server has all its items.
    assertFits()
    if (!gated.has(transport)) {
      gated.add(transport)
      const session = new SessionOwner(transport, openerOf(transport))
      openGate(transport, rules, session)
      holdAnswer(transport)
      openFront(transport, {
        session,
        streams: new StreamExpiry(transport, now),
        onForeign: (method, identity) => rules.onForeign(method, identity),
        findMissingScopes,
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
  if (onDecision === undefined) return undefined
  const failed = (cause: unknown): void => low.onerror?.(new Error('onDecision failed', { cause }))
  return (event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be nobody's.
      void Promise.resolve(onDecision(event)).catch(failed)
    } catch (cause) {
      failed(cause)
    }
  }
}
