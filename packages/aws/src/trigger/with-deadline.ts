/**
 * Waits for work, but not for ever. The work itself is not ended.
 *
 * @throws what `onTimeout` makes, when the time is over first
 */
export async function withDeadline<T>(
  seconds: number,
  work: Promise<T>,
  onTimeout: () => Error,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(onTimeout()), seconds * 1000)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
