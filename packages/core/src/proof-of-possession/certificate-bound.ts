import { base64url } from 'jose'
import { IdentityError, isIdentityError } from '../errors.ts'
import { sha256 } from '../internal/digest.ts'
import { assertOptions, headerName } from '../internal/options.ts'
import type { CertificateFault } from '../reasons.ts'
import type { GatewayProof } from '../sources/proof.ts'
import type { Confirmation, ConfirmationInput } from './confirmation.ts'

/** A proxy that ends TLS in front of this server and hands the certificate on. */
export interface CertificateProxy {
  /**
   * Header in the form of RFC 9440, usually `client-cert`. The proxy has to remove it from what its
   * own clients send, with or without a certificate.
   */
  readonly header: string
  /** How the proxy proves that it is the proxy: `sharedSecret` or `clientCertificate`. */
  readonly proof: GatewayProof
}

export interface CertificateBoundOptions {
  /** Default: the certificate has to come with the connection (`request.certificate`). */
  readonly proxy?: CertificateProxy
  /** Refuses every token in `Authorization` that is not bound to a certificate. Default: `false`. */
  readonly required?: boolean
}

/**
 * Accepts tokens that are bound to a TLS client certificate (RFC 8705 section 3): the one that this
 * server verified itself, or the one that a proven proxy hands on.
 *
 * It does not judge the certificate: whether chain and dates have to be good is for the TLS layer.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function certificateBound(options: CertificateBoundOptions = {}): Confirmation {
  const { required = false } = options
  assertOptions('certificateBound', options, { proxy: true, required: true })
  const proxy = options.proxy && toProxy(options.proxy)

  async function confirm(thumbprint: unknown, input: ConfirmationInput): Promise<void> {
    const certificate = proxy ? await fromProxy(proxy, input) : input.request.certificate
    if (certificate === undefined || certificate.length === 0) throw refused('missing')
    if (base64url.encode(await sha256(certificate)) !== thumbprint) throw refused('mismatch')
  }

  return Object.freeze<Confirmation>({
    member: 'x5t#S256',
    headers: proxy ? [proxy.header, ...proxy.proof.valueHeaders] : [],
    required,
    metadata: { tls_client_certificate_bound_access_tokens: true },
    confirm,
  })
}

function toProxy({ header, proof }: CertificateProxy): CertificateProxy {
  if (typeof proof?.prove !== 'function') throw new TypeError('proxy.proof is required')
  // Verifying that token would ask for its confirmation, and so on without an end.
  if (proof.tokenHeaders.length > 0) throw new TypeError('proxy.proof must not be a token')
  const name = headerName(header, 'proxy.header')
  if (name === 'authorization' || proof.valueHeaders.includes(name)) {
    throw new TypeError('proxy.header must be a separate header')
  }
  return { header: name, proof }
}

async function fromProxy(
  { header, proof }: CertificateProxy,
  { credentials, context }: ConfirmationInput,
): Promise<Uint8Array | undefined> {
  const value = credentials.value(header)
  if (value === undefined) return undefined
  await proof.prove(credentials, context).catch(asUnproven)
  // RFC 9440 section 2.2: a byte sequence as of RFC 8941, base64 between colons.
  const text = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1]
  if (text === undefined || text.length % 4 !== 0) throw refused('malformed')
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

/** RFC 8705 section 3: whatever is wrong with the certificate, the token is refused. */
function asUnproven(error: unknown): never {
  throw isIdentityError(error) && error.code === 'MISSING' ? refused('unproven') : error
}

function refused(part: CertificateFault): IdentityError {
  return new IdentityError('TOK', { reason: `certificate_${part}` })
}
