import { textDigest } from '../internal/digest.ts'
import { assertOptions, systemTime } from '../internal/options.ts'
import { type ApiKey, assertApiKey, type ManagedApiKeys } from './api-key.ts'
import { createKeyText, keyPrefix } from './key-text.ts'

export interface CreateApiKeyOptions
  extends Pick<ApiKey, 'kind' | 'issuer' | 'subject' | 'organization'> {
  /** Where the key is kept, by its hash. */
  readonly keys: Pick<ManagedApiKeys, 'add'>
  /** What the key begins with, the same as for `apiKeys`: 2 to 15 letters and digits and `_`. */
  readonly prefix: string
  /** Seconds until it expires, 60 to 31,622,400 (366 days). There is no key without an end. */
  readonly lifetimeSeconds: number
  /** Default: none. */
  readonly scopes?: readonly string[]
  /** Default: none. */
  readonly roles?: readonly string[]
  /** Seconds since 1970. Default: the system clock. */
  readonly clock?: () => number
}

/** The longest life of a key. */
export const longestLifeSeconds: number = 366 * 86_400

/**
 * Makes a key and keeps its hash. The text is in what this returns and nowhere else: show it to its owner
 * once.
 *
 * It does NOT ask whether its caller may make a key for this owner, with these rights.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export async function createApiKey(
  options: CreateApiKeyOptions,
): Promise<{ readonly text: string; readonly key: ApiKey }> {
  const { keys, prefix, lifetimeSeconds, clock = systemTime, ...owner } = options
  if (typeof keys?.add !== 'function') throw new TypeError('keys is required')
  if (!keyPrefix.test(prefix)) throw new TypeError('prefix must be letters and digits, then _')
  if (!(lifetimeSeconds >= 60 && lifetimeSeconds <= longestLifeSeconds)) {
    throw new TypeError(`lifetimeSeconds must be from 60 to ${longestLifeSeconds}`)
  }
  assertOptions('createApiKey', options, {
    keys: true,
    prefix: true,
    lifetimeSeconds: true,
    kind: true,
    issuer: true,
    subject: true,
    organization: true,
    scopes: true,
    roles: true,
    clock: true,
  })
  const createdAt = Math.floor(clock())
  const key: ApiKey = {
    id: crypto.randomUUID(),
    scopes: [],
    roles: [],
    ...owner,
    createdAt,
    expiresAt: createdAt + lifetimeSeconds,
  }
  assertApiKey(key)
  const text = await createKeyText(prefix)
  await keys.add(await textDigest(text), key)
  return { text, key }
}
