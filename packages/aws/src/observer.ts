/** Tells an observer of the user's. What it throws or rejects with is its own failure. */
export function toReport<E>(onEvent: ((event: E) => void) | undefined): (event: E) => void {
  const ignore = (): void => {}
  return (event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be nobody's.
      void Promise.resolve(onEvent?.(event)).catch(ignore)
    } catch {
      ignore()
    }
  }
}
