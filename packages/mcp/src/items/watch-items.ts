import { observed } from '../handlers/guarded.ts'
import { warnOnce } from '../warn.ts'
import { whileRegistering } from '../wire/registering.ts'
import type { Connectable } from '../wire/transport.ts'
import type { ItemKind, OnHidden, Registered, WatchedItem } from './item-table.ts'
import { ruleKindOf, uriTemplateOf } from './items.ts'

type OnItem = (kind: ItemKind, key: string, registered: Registered, handler: unknown) => WatchedItem
type Register = (name: string, ...rest: unknown[]) => Registered
type Registrar = Record<string, unknown>
type Kept = Readonly<Record<string, Record<string, Registered & Record<string, unknown>>>>

/**
 * Reports everything that a server has or gets: from `registerTool` and its siblings, and under SDK
 * v1 from their older forms and from `registerToolTask`.
 */
export function watchItems(server: object, low: Connectable, onItem: OnItem): void {
  tellOfEarlier(server, onItem)
  const registrar = server as Registrar
  const onTool: OnRegistered = (name, _second, ...made) => onItem('tool', name, ...made)
  const onPrompt: OnRegistered = (name, _second, ...made) => onItem('prompt', name, ...made)
  const onResource: OnRegistered = (name, address, ...made) =>
    typeof address === 'string'
      ? onItem('resource', address, ...made)
      : onItem('template', name, ...made)
  for (const method of ['registerTool', 'tool']) watch(registrar, low, method, onTool)
  for (const method of ['registerPrompt', 'prompt']) watch(registrar, low, method, onPrompt)
  for (const method of ['registerResource', 'resource']) watch(registrar, low, method, onResource)
  const experimental = registrar['experimental'] as { tasks?: Registrar } | undefined
  if (experimental?.tasks) watch(experimental.tasks, low, 'registerToolTask', onTool)
}

type OnRegistered = (
  name: string,
  second: unknown,
  registered: Registered,
  handler: unknown,
) => WatchedItem

function watch(
  registrar: Registrar,
  low: Connectable,
  method: string,
  onRegistered: OnRegistered,
): void {
  const register = registrar[method] as Register | undefined
  if (typeof register !== 'function') return
  registrar[method] = (name: string, ...rest: unknown[]) => {
    const handler = rest.at(-1)
    const seen = observed(handler, () => item.report('certainly'))
    const registered = whileRegistering(low, () =>
      register.call(registrar, name, ...rest.slice(0, -1), seen),
    )
    const item = onRegistered(name, rest[0], registered, handler)
    return registered
  }
}

// No public member lists what a server has. Should these go, what is older than the gate counts as
// without a guard: its callers need an identity, its handlers still enforce. So do prompts that
// are older than the gate under SDK v2, which keeps none of their handlers.
function tellOfEarlier(server: object, onItem: OnItem): void {
  const kept = server as Kept
  const earlier: [ItemKind, string, string][] = [
    ['tool', '_registeredTools', 'handler'],
    ['prompt', '_registeredPrompts', 'callback'],
    ['resource', '_registeredResources', 'readCallback'],
    ['template', '_registeredResourceTemplates', 'readCallback'],
  ]
  for (const [kind, table, handler] of earlier) {
    for (const [key, item] of Object.entries(kept[table] ?? {})) {
      adoptEarlier(item, item[handler], (...made) => onItem(kind, key, ...made))
    }
  }
}

function adoptEarlier(
  registered: Registered,
  handler: unknown,
  onRegistered: (registered: Registered, handler: unknown) => WatchedItem,
): void {
  const { update } = registered
  const item = onRegistered(registered, handler)
  const seen = observed(handler, () => item.report('certainly'))
  // Past our own watch over updates: its handler stays the one that was registered.
  if (seen !== handler) update?.call(registered, { callback: seen })
}

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
    (what.startsWith('prompt ')
      ? 'register it after protect, guard the wrapped handler instead, or cover it with a rule'
      : 'guard the wrapped handler instead, or cover it with a rule'),
}
