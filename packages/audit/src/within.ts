/** Work that did not end in time. */
export class TooLate extends Error {}

/**
 * Waits for work, but not for ever; the work itself goes on.
 *
 * @param toError what to reject with in place of the work's own rejection, or of being late
 * @throws TooLate
 */
export function within<T>(
  seconds: number,
  work: Promise<T>,
  late: string,
  toError: (cause: unknown) => unknown = (cause) => cause,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(toError(new TooLate(late))), seconds * 1000)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (cause: unknown) => {
        clearTimeout(timer)
        reject(toError(cause))
      },
    )
  })
}
