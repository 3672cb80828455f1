import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { CredentialRequest } from '../credentials/header-lines.ts'

/**
 * What an authenticator reads of a Node request: the header lines as they arrived, the request target
 * before anything rewrote it, and the client certificate that TLS verified.
 *
 * @example
 * ```ts
 * import type { IncomingMessage } from 'node:http'
 *
 * const whoCalls = async (req: IncomingMessage) =>
 *   (await authenticator.authenticate(credentialRequest(req))).principal
 * ```
 */
export function credentialRequest(req: IncomingMessage): CredentialRequest {
  return {
    // Node builds them when they are read, and there are header lines instead.
    get headers() {
      return req.headers
    },
    // Node keeps the first of two Authorization lines in `headers`: duplicates show only here.
    rawHeaders: req.rawHeaders,
    method: req.method,
    url: originalUrl(req),
    certificate: clientCertificate(req.socket),
    address: req.socket?.remoteAddress,
  }
}

/** The request target as it arrived: frameworks that rewrite `req.url` keep this one. */
export function originalUrl(req: IncomingMessage & { readonly originalUrl?: string }): string {
  return req.originalUrl ?? req.url ?? ''
}

// `authorized` is true only after Node verified the chain of a requested certificate.
function clientCertificate(socket: Socket): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  // `null` once the connection is gone, whatever the types say.
  return socket.getPeerCertificate()?.raw
}
