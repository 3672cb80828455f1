/** A transport that carries no headers, such as `StdioServerTransport` of either SDK generation. */
export interface PlainTransport {
  start(): Promise<void>
}

const protectedLines = new WeakSet<object>()

/** `protectStdio` has this transport. */
export function markProtected(transport: object): void {
  protectedLines.add(transport)
}

export function isProtected(transport: object): boolean {
  return protectedLines.has(transport)
}

/** @throws TypeError for an HTTP transport */
export function assertPlain(transport: PlainTransport): void {
  if ('handleRequest' in transport || 'handlePostMessage' in transport) {
    throw new TypeError('an HTTP transport gets the identity of each request')
  }
}
