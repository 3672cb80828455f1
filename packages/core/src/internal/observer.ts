import type { AuthenticatorEvent, Context } from '../context.ts'

/** Tells an observer of the user's. What it throws or rejects with is its own failure. */
export function toReport(
  onEvent: ((event: AuthenticatorEvent) => void) | undefined,
): Context['report'] {
  if (onEvent === undefined) return () => {}
  // An observer must not turn a decision around, nor end the process.
  const ignore = (): void => {}
  return (event) => {
    try {
      // Typed as `void`, yet an async function fits: its rejection would be nobody's.
      void Promise.resolve(onEvent(event)).catch(ignore)
    } catch {
      ignore()
    }
  }
}
