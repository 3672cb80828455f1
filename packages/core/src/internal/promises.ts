/** A value, or a promise of one. */
export type Awaitable<T> = T | Promise<T>

/**
 * Continues with a value as soon as it is there, and at once if it is there already: a call that
 * waits for nothing stays synchronous. Not named `then`, which would turn a module into a promise.
 */
export function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** A longer timer would fire at once. */
export const maxTimerMilliseconds: number = 2 ** 31 - 1

/**
 * Runs `work` under one time limit. At the limit the promise rejects and the signal aborts: work
 * that ignores its signal is left behind, never waited for.
 *
 * @throws what `onTimeout` makes
 */
export async function withDeadline<T>(
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    const expire = (): void => {
      const timeout = onTimeout()
      reject(timeout)
      controller.abort(timeout)
    }
    timer = setTimeout(expire, Math.min(seconds * 1000, maxTimerMilliseconds))
  })
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether requests may wait for a promise that another request started. Cloudflare Workers cancel the
 * input and output of a request with it: who waits for that from outside waits for ever.
 */
export function sharesPromises(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: unknown } }
  return navigator?.userAgent !== 'Cloudflare-Workers'
}
