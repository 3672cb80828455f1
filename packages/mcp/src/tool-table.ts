import { type Policy, policyOf } from './policy.ts'

/** A registered tool as the gate knows it. */
export interface Tool {
  /** What its handler asks of callers, at this moment. */
  policy(): Policy | undefined
}

/** What `registerTool` returns in both SDK generations, as far as the table touches it. */
export interface RegisteredTool {
  readonly handler?: unknown
  update?: (updates: ToolUpdate) => void
}

interface ToolUpdate {
  readonly name?: string | null
  readonly callback?: unknown
}

/**
 * Names of tools and what their handlers ask for, under whatever name and handler they have at the
 * time of a call.
 *
 * A tool that it never heard of counts as one without a guard: the gate asks its callers for an
 * identity, and a guarded handler still enforces by itself.
 */
export class ToolTable {
  readonly #tools = new Map<string, Tool>()

  get(name: unknown): Tool | undefined {
    return typeof name === 'string' ? this.#tools.get(name) : undefined
  }

  add(name: string, registered: RegisteredTool, handler: unknown): void {
    let callback = handler
    const tool: Tool = { policy: () => policyOf(callable(callback)) }
    this.#tools.set(name, tool)
    const update = registered.update
    if (typeof update !== 'function') return
    // `remove`, `enable` and `disable` of both generations go through this member as well.
    registered.update = (updates) => {
      update.call(registered, updates)
      if (updates.callback !== undefined) callback = updates.callback
      if (updates.name !== undefined) this.#rename(tool, name, updates.name)
    }
  }

  // SDK v1 takes away the first name alone: under a later one the tool answers even when it was
  // removed. A name kept too long costs nothing, since the SDK does not find the tool.
  #rename(tool: Tool, firstName: string, name: string | null): void {
    if (name !== firstName && this.#tools.get(firstName) === tool) this.#tools.delete(firstName)
    if (name) this.#tools.set(name, tool)
  }
}

// A task tool of SDK v1 is an object, of which `createTask` answers the call.
function callable(handler: unknown): unknown {
  const task = handler as { createTask?: unknown } | null | undefined
  return typeof handler === 'function' ? handler : task?.createTask
}
