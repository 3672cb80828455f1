import { observed } from '../handlers/guarded.ts'
import {
  type Asked,
  askedBy,
  type Candidates,
  guardFound,
  handlerRegistered,
} from '../handlers/hidden-guards.ts'
import { type Policy, stateOf } from '../handlers/policy.ts'
import { bindTemplate, type UriTemplate } from './bound-template.ts'

/** What a server offers and guards decide on. */
export type ItemKind = 'tool' | 'resource' | 'template' | 'prompt'

/** A registered item as the gate knows it. */
export interface Item {
  readonly kind: ItemKind
  /** Its name at this moment; of a resource, its URI. */
  readonly key: string
  /** What its handler asks of callers, at this moment. */
  readonly policy: Policy | undefined
  /** What it asks of callers of the item itself, whom a hidden guard decides on as well. */
  readonly callPolicy: Policy | undefined
  readonly registered: Registered
}

/** What `registerTool` and its siblings return in both SDK generations, as far as it is used. */
export interface Registered {
  readonly name?: unknown
  readonly enabled?: unknown
  readonly annotations?: unknown
  /** Of a tool. */
  readonly inputSchema?: unknown
  readonly outputSchema?: unknown
  /** Of a prompt. */
  readonly argsSchema?: unknown
  readonly resourceTemplate?: { readonly uriTemplate: UriTemplate }
  update?: (updates: Updates) => void
}

interface Updates {
  readonly name?: string | null
  readonly uri?: string | null
  readonly callback?: unknown
}

/** Is notified of an item whose handler hides a guard, or may hide one. */
export type OnHidden = (item: Item, hides: 'certainly' | 'possibly') => void

/** An item with the name and the handler that it was given last. */
export class WatchedItem implements Item {
  readonly kind: ItemKind
  readonly registered: Registered
  key: string
  readonly #onHidden: OnHidden
  #handler: unknown
  #candidates: Candidates = []
  #isReported = false

  constructor(kind: ItemKind, key: string, registered: Registered, onHidden: OnHidden) {
    this.kind = kind
    this.key = key
    this.registered = registered
    this.#onHidden = onHidden
  }

  set handler(handler: unknown) {
    this.#handler = callable(handler)
    for (const part of Object.values(handler ?? {})) findGuard(part)
    this.#candidates = handlerRegistered(this.#handler)
    // By then its neighbours are registered as well.
    if (this.#candidates.length > 0) queueMicrotask(() => this.#asked())
  }

  get policy(): Policy | undefined {
    return this.#asked().policy
  }

  get callPolicy(): Policy | undefined {
    return this.#asked().ofCall
  }

  #asked(): Asked {
    const asked = askedBy(this.#handler, this.#candidates)
    if (asked.hides !== undefined) this.report(asked.hides)
    return asked
  }

  report(hides: 'certainly' | 'possibly'): void {
    if (this.#isReported) return
    this.#isReported = true
    this.#onHidden(this, hides)
  }
}

function findGuard(part: unknown): void {
  const state = stateOf(part)
  if (state !== undefined) guardFound(state)
}

/**
 * The items of one kind and what their handlers ask for, under whatever name and handler they have
 * at the time of a call.
 *
 * An item that it never heard of counts as one without a guard: the gate asks its callers for an
 * identity, and a guarded handler still enforces by itself.
 */
export class ItemTable {
  readonly #kind: ItemKind
  // In the order of the SDKs' own tables, which are objects: the first template that matches counts.
  readonly #items = Object.create(null) as Record<string, Item>

  readonly #onHidden: OnHidden

  constructor(kind: ItemKind, onHidden: OnHidden) {
    this.#kind = kind
    this.#onHidden = onHidden
  }

  get(key: unknown): Item | undefined {
    return typeof key === 'string' ? this.#items[key] : undefined
  }

  all(): readonly Item[] {
    return Object.values(this.#items)
  }

  add(firstKey: string, registered: Registered, handler: unknown): WatchedItem {
    const item = new WatchedItem(this.#kind, firstKey, registered, this.#onHidden)
    item.handler = handler
    this.#items[firstKey] = item
    const { update, resourceTemplate } = registered
    if (resourceTemplate) bindTemplate(resourceTemplate.uriTemplate)
    if (typeof update === 'function') this.#watchUpdates(item, firstKey, update)
    return item
  }

  #watchUpdates(item: WatchedItem, firstKey: string, update: (updates: Updates) => void): void {
    const { registered } = item
    // `remove`, `enable` and `disable` of both generations go through this member as well.
    registered.update = (updates) => {
      const { callback } = updates
      const seen = observed(callback, () => item.report('certainly'))
      update.call(registered, callback ? { ...updates, callback: seen } : updates)
      if (updates.callback !== undefined) item.handler = updates.callback
      const renamed = this.#kind === 'resource' ? updates.uri : updates.name
      if (renamed) item.key = renamed
      if (renamed !== undefined) this.#rename(item, firstKey, renamed)
    }
  }

  // SDK v1 takes away the first name alone: under a later one the tool answers even when it was
  // removed. A name kept too long costs nothing, since the SDK does not find the item.
  #rename(item: Item, firstKey: string, key: string | null): void {
    if (key !== firstKey && this.#items[firstKey] === item) delete this.#items[firstKey]
    if (key) this.#items[key] = item
  }
}

// A task tool of SDK v1 is an object, of which `createTask` answers the call.
function callable(handler: unknown): unknown {
  const task = handler as { createTask?: unknown } | null | undefined
  return typeof handler === 'function' ? handler : task?.createTask
}
