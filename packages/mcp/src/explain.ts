import type { Identity } from '@onbehalf/core'
import { type Decision, type DenialReason, decide } from '@onbehalf/core/guards'
import { authenticated, type Policy } from './handlers/policy.ts'
import type { Item } from './items/item-table.ts'
import { type RuleKind, ruleKindOf, uriTemplateOf } from './items/items.ts'
import { protect } from './protect.ts'
import { isProtected, type ProtectableServer, protectionOf } from './protection.ts'

/** What one caller may do with one item, and why. */
export interface Explanation {
  readonly kind: RuleKind
  /** Name of a tool or prompt, URI of a resource, text of a URI template. */
  readonly name: string
  /** `depends`: on the arguments of the call. */
  readonly verdict: 'allowed' | 'denied' | 'depends'
  /** Name of the guard that was asked, or `public`. */
  readonly guard: string
  readonly reason?: DenialReason
  /** The rule that counts, by its place in the table from 1. */
  readonly rule?: number
}

/**
 * Says what an identity may do on a server, and why: one line for each tool, resource and prompt that
 * is registered. Without an identity it says what is public. A server that is not protected yet, as
 * the factory for `protectedHandler` makes it, is protected first.
 *
 * It does not say what a call would decide on its arguments, nor what low-level request handlers
 * do.
 *
 * @throws TypeError when the server is connected and not protected
 *
 * @example
 * ```ts
 * const identity = await authenticator.authenticate(request)
 * console.table(await explain(server, identity))
 * ```
 */
export async function explain(
  server: ProtectableServer,
  identity: Identity | undefined,
): Promise<readonly Explanation[]> {
  if (!isProtected(server)) protect(server)
  const { items, rules, now } = protectionOf(server)
  const explainItem = async (item: Item): Promise<Explanation> => {
    const kind = ruleKindOf(item.kind)
    const target = { kind, name: item.key, item }
    const rule = rules.numberFor(target)
    const name = uriTemplateOf(item) ?? item.key
    const verdict = await judge(rules.policyFor(target), identity, now())
    return { kind, name, ...verdict, ...(rule !== undefined && { rule }) }
  }
  return Promise.all(items.all().map(explainItem))
}

async function judge(
  policy: Policy | undefined,
  identity: Identity | undefined,
  now: number,
): Promise<Pick<Explanation, 'verdict' | 'guard' | 'reason'>> {
  if (policy === 'public') return { verdict: 'allowed', guard: 'public' }
  const guard = policy ?? authenticated
  const decision = await decide(guard, identity, { now })
  if (decision.effect !== 'deny') return { verdict: verdicts[decision.effect], guard: guard.name }
  return { verdict: verdicts.deny, guard: decision.guard, reason: decision.reason }
}

const verdicts: Record<Decision['effect'], Explanation['verdict']> = {
  allow: 'allowed',
  deny: 'denied',
  unknown: 'depends',
}
