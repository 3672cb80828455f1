import { visibleText } from '@onbehalf/audit'

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

/** An output that shows characters which a terminal would obey, or which nobody can see, as `\u{HEX}`. */
export function visibleOutput(output: Output): Output {
  return {
    out: (line) => output.out(visibleLine(line)),
    err: (line) => output.err(visibleLine(line)),
    signal: output.signal,
  }
}

function visibleLine(line: string): string {
  return line.replace(/[^ -~]/gu, (character) =>
    character < ' ' ? `\\u{${hexOf(character)}}` : visibleText(character),
  )
}

function hexOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
}

/** A value as one line of ASCII JSON. */
export function printJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
