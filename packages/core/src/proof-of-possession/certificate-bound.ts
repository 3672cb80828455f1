import { base64url } from 'jose'

import { sha256 } from '../digest.ts'
import { IdentityError } from '../errors.ts'
import { headerName } from '../header-name.ts'
import type { Proof } from '../sources/proof.ts'
import type { Confirmation, ConfirmationInput } from './confirmation.ts'

/** A proxy that ends TLS in front of this server and hands the certificate on. */
export interface CertificateProxy {
  /** Header in the form of RFC 9440, which the proxy overwrites on every call: `client-cert`. */
  readonly header: string
  /** How the proxy proves that it is the proxy, for example `sharedSecret`. */
  readonly proof: Proof
}

export interface CertificateBoundOptions {
  /** Default: the certificate has to come with the connection (`request.certificate`). */
  readonly proxy?: CertificateProxy
}

/**
 * Accepts tokens that are bound to a TLS client certificate (RFC 8705 section 3): the one that this
 * server verified itself, or the one that a proven proxy hands on.
 *
 * @throws TypeError when the proxy's header is no header name or it has no proof
 */
export function certificateBound(options: CertificateBoundOptions = {}): Confirmation {
  const { proxy } = options
  const header = proxy && headerName(proxy.header, 'proxy.header')
  if (proxy && typeof proxy.proof?.prove !== 'function') {
    throw new TypeError('proxy.proof is required')
  }

  async function confirm(thumbprint: unknown, input: ConfirmationInput): Promise<void> {
    const certificate =
      proxy && header ? await fromProxy(header, proxy.proof, input) : input.request.certificate
    if (certificate === undefined) throw bad('missing')
    if (base64url.encode(await sha256(certificate)) !== thumbprint) throw bad('mismatch')
  }

  return {
    member: 'x5t#S256',
    headers: proxy && header ? [header, ...proxy.proof.valueHeaders] : [],
    confirm,
  }
}

async function fromProxy(
  header: string,
  proof: Proof,
  { credentials, context }: ConfirmationInput,
): Promise<Uint8Array | undefined> {
  const value = credentials.value(header)
  if (value === undefined || !proof.applies(credentials)) return undefined
  await proof.prove(credentials, context)
  // RFC 9440 section 2.2: a byte sequence as of RFC 8941, base64 between colons.
  const text = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1]
  if (text === undefined || text.length % 4 !== 0) throw bad('malformed')
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

function bad(part: string): IdentityError {
  return new IdentityError('TOK', { reason: `certificate_${part}` })
}
