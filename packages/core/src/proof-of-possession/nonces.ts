import { base64url } from 'jose'

import { isEqual } from '../digest.ts'

export interface NonceOptions {
  /** At least 32 bytes; the same in all processes that serve the resource. */
  readonly secret: Uint8Array
  /** Seconds for which a nonce is accepted. Default 300. */
  readonly lifetimeSeconds?: number
}

/** Values that a client has to put into its proofs (RFC 9449 section 8). */
export interface Nonces {
  create(now: number): Promise<string>
  accepts(nonce: unknown, now: number): Promise<boolean>
}

/**
 * Nonces that need no storage: a keyed hash of the period they were made in.
 *
 * @throws TypeError when the secret is short or the lifetime is not positive
 */
export function dpopNonces(options: NonceOptions): Nonces {
  const { secret, lifetimeSeconds = 300 } = options
  if (secret.length < 32) throw new TypeError('secret must have at least 32 bytes')
  if (!(lifetimeSeconds > 0)) throw new TypeError('lifetimeSeconds must be positive')
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const raw = new Uint8Array(secret)
  const key = crypto.subtle.importKey('raw', raw, algorithm, false, ['sign'])
  const periodOf = (now: number): number => Math.floor(now / lifetimeSeconds)

  async function hash(period: number): Promise<Uint8Array> {
    const data = new TextEncoder().encode(`dpop-nonce:${period}`)
    return new Uint8Array(await crypto.subtle.sign('HMAC', await key, data))
  }

  return {
    create: async (now) => base64url.encode(await hash(periodOf(now))),
    async accepts(nonce, now) {
      if (typeof nonce !== 'string' || nonce.length > 64) return false
      const sent = new TextEncoder().encode(nonce)
      // The previous period counts too: a nonce lives for one lifetime at least.
      const periods = [periodOf(now), periodOf(now) - 1]
      const matches = periods.map(async (period) =>
        isEqual(sent, new TextEncoder().encode(base64url.encode(await hash(period)))),
      )
      return (await Promise.all(matches)).includes(true)
    },
  }
}
