/** A value, or a promise of one. */
export type Awaitable<T> = T | Promise<T>

/**
 * Continues with a value as soon as it is there, and at once if it is there already: a call that
 * waits for nothing stays synchronous. Not named `then`, which would turn a module into a promise.
 */
export function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
