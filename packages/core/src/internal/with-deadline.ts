import { FetchError } from '../keys/fetch-error.ts'

/**
 * Runs `work` under one time limit. At the limit the promise rejects and the signal aborts: work
 * that ignores its signal is left behind, never waited for.
 *
 * @throws FetchError `timeout`
 */
export async function withDeadline<T>(
  seconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const timeout = new FetchError('timeout')
      reject(timeout)
      controller.abort(timeout)
    }, seconds * 1000)
  })
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
