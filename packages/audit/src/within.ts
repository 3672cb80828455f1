/** Work that did not end in time. */
export class TooLate extends Error {}

/** Waits for work, but not for ever; the work itself goes on. @throws TooLate */
export function within<T>(seconds: number, work: Promise<T>, late: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TooLate(late)), seconds * 1000)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (cause: unknown) => {
        clearTimeout(timer)
        reject(cause)
      },
    )
  })
}
