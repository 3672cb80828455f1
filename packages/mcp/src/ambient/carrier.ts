import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * Carries a value past code that knows nothing of it: under an object that this code hands on, and
 * where there is none, by `AsyncLocalStorage`. That is the second choice, because Node.js before 24
 * then follows every promise of the process.
 */
export class Carrier<T> {
  readonly #byKey = new WeakMap<object, T>()
  readonly #ambient = new AsyncLocalStorage<T>()

  /** A key that carries something already, or that is not an object, is ignored. */
  carry<R>(key: unknown, value: T, work: () => R): R {
    // What was begun below another one's store would otherwise find that.
    if (!isObject(key) || this.#byKey.has(key) || this.#ambient.getStore() !== undefined) {
      return this.#ambient.run(value, work)
    }
    this.#byKey.set(key, value)
    return work()
  }

  /** Does work that has nothing to do with the value. */
  leave<R>(work: () => R): R {
    return this.#ambient.exit(work)
  }

  find(key: unknown): T | undefined {
    return this.#ambient.getStore() ?? (isObject(key) ? this.#byKey.get(key) : undefined)
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
