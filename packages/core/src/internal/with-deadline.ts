const maxTimerMilliseconds = 2 ** 31 - 1

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
    // A longer timer would fire at once.
    timer = setTimeout(expire, Math.min(seconds * 1000, maxTimerMilliseconds))
  })
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
