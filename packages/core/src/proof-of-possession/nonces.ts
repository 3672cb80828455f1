import { base64url } from 'jose'
import { isEqual } from '../internal/digest.ts'
import { assertOptions } from '../internal/options.ts'

export interface NonceOptions {
  /** At least 32 bytes; the same in all processes that serve the resource. */
  readonly secret: Uint8Array
  /** Seconds for which a nonce is accepted at least, twice as many at most; 1 to 3600. Default 300. */
  readonly lifetimeSeconds?: number
}

/** Values that a client has to put into its proofs (RFC 9449 section 8). */
export interface Nonces {
  create(now: number): Promise<string>
  accepts(nonce: unknown, now: number): Promise<boolean>
}

const minSecretBytes = 32

/**
 * Nonces that need no storage: a keyed hash of the period they were made in.
 *
 * @throws TypeError when the secret is short or the lifetime is out of range
 */
export function dpopNonces(options: NonceOptions): Nonces {
  const { secret, lifetimeSeconds = 300 } = options
  if (!(secret instanceof Uint8Array) || secret.length < minSecretBytes) {
    throw new TypeError(`secret must have at least ${minSecretBytes} bytes`)
  }
  if (!(lifetimeSeconds >= 1 && lifetimeSeconds <= 3600)) {
    throw new TypeError('lifetimeSeconds must be from 1 to 3600')
  }
  assertOptions('dpopNonces', options, { secret: true, lifetimeSeconds: true })
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = crypto.subtle.importKey('raw', new Uint8Array(secret), algorithm, false, ['sign'])
  const periodOf = (now: number): number => Math.floor(now / lifetimeSeconds)

  async function nonceOf(period: number): Promise<string> {
    const data = encode(`dpop-nonce:${lifetimeSeconds}:${period}`)
    return base64url.encode(new Uint8Array(await crypto.subtle.sign('HMAC', await key, data)))
  }

  return Object.freeze<Nonces>({
    create: (now) => nonceOf(periodOf(now)),
    async accepts(nonce, now) {
      if (typeof nonce !== 'string' || nonce.length > 64) return false
      const sent = encode(nonce)
      // The previous period counts too: a nonce lives for one lifetime at least.
      const periods = [periodOf(now), periodOf(now) - 1]
      const matches = periods.map(async (period) => isEqual(sent, encode(await nonceOf(period))))
      return (await Promise.all(matches)).includes(true)
    },
  })
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
