import { type RefusalObserver, tellRefusal } from '../adapters/tell-refusal.ts'

/**
 * Tells an observer about a refusal that was answered. What it throws or rejects with becomes a process
 * warning.
 *
 * @example
 * ```ts
 * const logged = (thrown: unknown) =>
 *   reportRefusal(thrown, ({ code, reason }) => console.error('refused', code, reason))
 * ```
 */
export function reportRefusal(thrown: unknown, tell: RefusalObserver): void {
  tellRefusal(thrown, tell, (message) => process.emitWarning(message, 'OnbehalfWarning'))
}
