/** A transport that carries no headers, such as `StdioServerTransport` of either SDK generation. */
export interface PlainTransport {
  start(): Promise<void>
}

/** @throws TypeError for an HTTP transport */
export function assertPlain(transport: PlainTransport): void {
  if ('handleRequest' in transport || 'handlePostMessage' in transport) {
    throw new TypeError('an HTTP transport gets the identity of each request')
  }
}
