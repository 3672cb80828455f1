import { createPublicKey, type KeyObject } from 'node:crypto'
import { IdentityError } from '@onbehalf/core'

/** Gives the public key of a load balancer by its id. */
export type AlbKeys = (keyId: string) => Promise<KeyObject>

/** Where and how the keys are fetched. */
export interface AlbKeysOptions {
  /** Address that a key's id is added to. */
  readonly base: URL
  readonly timeoutSeconds: number
  readonly fetch: typeof fetch
}

// It becomes a part of an address: nothing else may (server-side request forgery).
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const maxKeys = 20
const keptSeconds = 3600
// Anyone can make up ids: they cost no more fetches than this.
const maxFetches = 10
const windowSeconds = 60
const maxBytes = 4096

/** Keys that are kept for an hour, each fetched once at a time. */
export function albKeys(options: AlbKeysOptions): AlbKeys {
  const kept = new Map<string, { readonly key: Promise<KeyObject>; readonly until: number }>()
  let fetches: readonly number[] = []

  function load(keyId: string, now: number): Promise<KeyObject> {
    fetches = fetches.filter((time) => now - time < windowSeconds)
    if (fetches.length >= maxFetches) {
      const retryAfterSeconds = windowSeconds
      throw new IdentityError('DOWN', { reason: 'key_budget', retryAfterSeconds })
    }
    fetches = [...fetches, now]
    const key = fetchKey(keyId, options)
    key.catch(() => kept.delete(keyId))
    kept.set(keyId, { key, until: now + keptSeconds })
    const [oldest] = kept.keys()
    if (kept.size > maxKeys && oldest !== undefined) kept.delete(oldest)
    return key
  }

  return async (keyId) => {
    if (!uuid.test(keyId)) throw new IdentityError('TOK', { reason: 'key_id' })
    const now = performance.now() / 1000
    const known = kept.get(keyId)
    return known !== undefined && now < known.until ? known.key : load(keyId, now)
  }
}

async function fetchKey(keyId: string, options: AlbKeysOptions): Promise<KeyObject> {
  const response = await request(new URL(keyId, options.base), options)
  if (response.status === 404 || response.status === 403) {
    throw new IdentityError('TOK', { reason: 'key_unknown' })
  }
  if (response.status !== 200) throw unavailable()
  const pem = await read(response)
  const key = toKey(pem)
  // No other key fits ES256 (RFC 7518 section 3.4).
  if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw unavailable()
  return key
}

async function request(url: URL, options: AlbKeysOptions): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(options.timeoutSeconds * 1000)
    return await options.fetch(url, { redirect: 'manual', signal })
  } catch (cause) {
    throw unavailable(cause)
  }
}

async function read(response: Response): Promise<string> {
  try {
    const text = await response.text()
    if (text.length <= maxBytes) return text
  } catch (cause) {
    throw unavailable(cause)
  }
  throw unavailable()
}

function toKey(pem: string): KeyObject | undefined {
  // A certificate or a private key would give a public one, too.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) return undefined
  try {
    return createPublicKey(pem)
  } catch {
    return undefined
  }
}

function unavailable(cause?: unknown): IdentityError {
  return new IdentityError('DOWN', { reason: 'keys_unavailable', cause })
}
