import { withDeadline } from '@onbehalf/core/internal'

/** Something that ends: an audit trail, a mirror of revocations, a client of a store. */
export type Closable = { close(): unknown } | (() => unknown)

/** @throws TypeError for anything that cannot be closed */
export function assertClosables(close: readonly Closable[]): void {
  const areClosables =
    Array.isArray(close) &&
    close.every((one) => typeof one === 'function' || typeof one?.close === 'function')
  if (!areClosables)
    throw new TypeError('close must hold functions, or objects with a close function')
}

/**
 * Closes one after the other. What does not end before the deadline is not waited for, so that the others
 * have their turn.
 *
 * @param deadline by `performance.now()`
 * @returns why some could not be closed
 */
export async function closeAll(
  close: readonly Closable[],
  deadline: number,
): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  for (const one of close) {
    const seconds = Math.max(0, deadline - performance.now()) / 1000
    const work = async () => (typeof one === 'function' ? one() : one.close())
    const tooSlow = () => new Error('It did not close in time')
    await withDeadline(seconds, work, tooSlow).catch((error: unknown) => failures.push(error))
  }
  return failures
}
