/**
 * Does work in the order in which it came, one after the other. What one of them throws is reported, and
 * the next one is done all the same.
 *
 * @param report must not throw
 */
export function inOrder(report: (error: unknown) => void): (work: () => Promise<void>) => void {
  let last: Promise<void> = Promise.resolve()
  return (work) => {
    last = last.then(work).catch(report)
  }
}
