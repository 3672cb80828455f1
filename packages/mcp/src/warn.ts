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

interface Server {
  onerror?: ((error: Error) => void) | undefined
}

// Servers that are made for each request would otherwise say the same with each of them.
const said = new Set<string>()
const mostSaid = 1_000

/** Notifies the operator of a server, or warns the process without an `onerror`: once for each message. */
export function tellOperator(server: Server, message: string, code: string): void {
  if (said.has(message) || said.size >= mostSaid) return
  said.add(message)
  if (server.onerror) server.onerror(new Error(message))
  else warn(message, code)
}
