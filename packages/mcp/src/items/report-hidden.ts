import { warnOnce } from '../warn.ts'
import type { Connectable } from '../wire/transport.ts'
import type { OnHidden } from './item-table.ts'
import { uriTemplateOf } from './items.ts'
import { ruleKindOf } from './target.ts'

// Servers that are made for each request would otherwise report the same with each of them.
const reported = new Map<string, number>()
const mostReports = 100
const mostNames = 1_000

/** Notifies the operator of a server of items that hide a guard, or may hide one. */
export function reportHidden(low: Connectable): OnHidden {
  return (item, hides) => {
    const what = `${ruleKindOf(item.kind)} ${uriTemplateOf(item) ?? item.key}`
    const count = reported.get(what) ?? 0
    if (count >= mostReports || (count === 0 && reported.size >= mostNames)) return
    reported.set(what, count + 1)
    const message = messages[hides](what)
    if (low.onerror) low.onerror(new Error(message))
    else warnOnce(message, 'ONBEHALF_HIDDEN_GUARD')
  }
}

const messages = {
  certainly: (what: string) =>
    `The guard of ${what} is hidden by a wrapper: guard the wrapped handler instead`,
  possibly: (what: string) =>
    `${what} may hide a guard, and is refused in lists, completions and subscriptions: ` +
    'guard the wrapped handler instead, or cover it with a rule',
}
