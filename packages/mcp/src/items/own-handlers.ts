import { isRegistering } from '../wire/registering.ts'
import type { Connectable } from '../wire/transport.ts'
import type { RuleKind } from './items.ts'

/** Answers whether a server serves a method by a handler of its user's, past all registered items. */
export type ServesItself = (method: string) => boolean

interface Handled {
  setRequestHandler?: (...args: unknown[]) => unknown
  readonly _requestHandlers?: ReadonlyMap<string, unknown>
  readonly _options?: { readonly capabilities?: Capabilities }
}
type Capabilities = Readonly<Record<string, { readonly listChanged?: unknown } | undefined>>

/** The methods that list and use what a kind of rule is about. */
const methodsOf: Readonly<Record<Exclude<RuleKind, 'method'>, readonly string[]>> = {
  tool: ['tools/list', 'tools/call'],
  prompt: ['prompts/list', 'prompts/get'],
  resource: ['resources/list', 'resources/templates/list', 'resources/read'],
}
const kindOf: ReadonlyMap<string, RuleKind> = new Map(
  Object.entries(methodsOf).flatMap(([kind, methods]) =>
    methods.map((method) => [method, kind as RuleKind] as const),
  ),
)

/**
 * Watches for request handlers that the user of a server sets on its low-level part. A low-level
 * server has no others.
 *
 * @param registered whether the server has items of a kind: of handlers that are older than this watch,
 *   it is not known whose they are, and those of a server with items are the SDK's
 */
export function watchHandlers(
  server: object,
  low: Connectable,
  registered: (kind: RuleKind) => boolean,
): ServesItself {
  if (server === low) return () => true
  const handled = low as Handled
  const own = new Set<string>()
  // No public member lists the handlers. Should this go, earlier ones count as the SDK's.
  const earlier = new Set([...kindOf.keys()].filter((it) => handled._requestHandlers?.has(it)))
  const { setRequestHandler } = handled
  if (typeof setRequestHandler === 'function') {
    handled.setRequestHandler = (...args) => {
      const method = methodIn(args[0])
      if (!isRegistering(low)) own.add(method)
      return setRequestHandler.apply(low, args)
    }
  }
  return (method) => {
    const kind = kindOf.get(method)
    return own.has(method) || (kind !== undefined && earlier.has(method) && !registered(kind))
  }
}

/** SDK v2 names the method, SDK v1 gives the schema of its requests. */
function methodIn(first: unknown): string {
  if (typeof first === 'string') return first
  const { shape } = (first ?? {}) as { shape?: { method?: { value?: unknown } } }
  return String(shape?.method?.value)
}

/**
 * Whether a connected server may still get, or serve, what no registered item shows: it has low-level
 * handlers, declared when it was made that its list changes, or has no item of that kind so far.
 */
export function maySurprise(
  kind: RuleKind,
  low: Connectable,
  servesItself: ServesItself,
  registered: boolean,
): boolean {
  if (kind === 'method' || !registered) return true
  const { _options: options } = low as Handled
  const declared = options?.capabilities?.[`${kind}s`]?.listChanged === true
  return declared || methodsOf[kind].some((method) => servesItself(method))
}
