/** Work that did not end in time. */
export class TooLate extends Error {}

/** Waits for work, but not for ever; the work itself goes on. @throws TooLate */
export async function within<T>(seconds: number, work: Promise<T>, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate(late)), seconds * 1000)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}
