import { withDeadline } from '@onbehalf/core/internal'

/** Work that did not end in time. */
export class TooLate extends Error {}

/** Waits for work for a limited time; the work itself continues. @throws TooLate */
export function within<T>(seconds: number, work: Promise<T>, late: string): Promise<T> {
  return withDeadline(
    seconds,
    () => work,
    () => new TooLate(late),
  )
}
