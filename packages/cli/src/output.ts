/** Where a command writes, and what ends it. */
export interface Output {
  /** Takes one line of the result. */
  out(line: string): void
  /** Takes one line for the user at the terminal. */
  err(line: string): void
  /** Ends commands that run until they are stopped. */
  readonly signal: AbortSignal
}

/** A command that was called wrongly. */
export class UsageError extends Error {}
