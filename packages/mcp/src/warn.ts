/** Warns the operator of this process, on any runtime. */
export function warn(message: string, code: string): void {
  if (typeof process === 'object' && typeof process.emitWarning === 'function') {
    process.emitWarning(message, { type: 'OnbehalfWarning', code })
  } else {
    // oxlint-disable-next-line no-console -- the one log that every web runtime has
    console.warn(`${code}: ${message}`)
  }
}

const given = new Set<string>()

/** The same, once in the life of the process. */
export function warnOnce(message: string, code: string): void {
  if (given.has(code)) return
  given.add(code)
  warn(message, code)
}
