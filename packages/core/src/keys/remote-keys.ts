import { isPlainObject } from '../token/parse-json.ts'
import { FetchError, type FetchOptions, fetchJson } from './fetch-json.ts'
import { type KeySet, parseKeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { type RefreshOptions, refreshingKeys } from './refreshing-keys.ts'
import { safeUrl } from './safe-url.ts'

/** How remote keys are fetched and kept. */
export interface RemoteKeysOptions extends FetchOptions, RefreshOptions {}

/**
 * Keys from a JWKS URL (RFC 7517 section 5).
 *
 * @throws TypeError when the URL is not `https` (or `http` on loopback)
 */
export function jwksKeys(jwksUri: string, options: RemoteKeysOptions = {}): KeySource {
  const url = safeUrl(jwksUri, 'jwksUri')
  return refreshingKeys(() => fetchKeySet(url, options), options)
}

/**
 * Keys of an issuer whose metadata says where they are: OpenID Connect Discovery, or RFC 8414 where
 * that answers 404. The metadata must name exactly this issuer (RFC 8414 section 3.3).
 *
 * @throws TypeError when the issuer is not an `https` URL (or `http` on loopback)
 */
export function discoveredKeys(issuer: string, options: RemoteKeysOptions = {}): KeySource {
  const base = safeUrl(issuer, 'issuer')
  let jwksUri: URL | undefined

  async function load(): Promise<KeySet> {
    jwksUri ??= await discover(issuer, base, options)
    try {
      return await fetchKeySet(jwksUri, options)
    } catch (error) {
      // The keys may have moved: the next attempt asks the metadata again.
      jwksUri = undefined
      throw error
    }
  }

  return refreshingKeys(load, options)
}

async function discover(issuer: string, base: URL, options: FetchOptions): Promise<URL> {
  const metadata = await fetchMetadata(base, options)
  if (!isPlainObject(metadata)) throw new FetchError('metadata_malformed')
  if (metadata['issuer'] !== issuer) throw new FetchError('metadata_issuer_mismatch')
  try {
    return safeUrl(String(metadata['jwks_uri']), 'jwks_uri')
  } catch (cause) {
    throw new FetchError('metadata_jwks_uri', cause)
  }
}

async function fetchMetadata(base: URL, options: FetchOptions): Promise<unknown> {
  const path = base.pathname.replace(/\/$/, '')
  const openid = new URL(`${path}/.well-known/openid-configuration`, base.origin)
  const oauth = new URL(`/.well-known/oauth-authorization-server${path}`, base.origin)
  try {
    return await fetchJson(openid, options)
  } catch (error) {
    if (!(error instanceof FetchError) || error.reason !== 'status_404') throw error
    return fetchJson(oauth, options)
  }
}

async function fetchKeySet(url: URL, options: FetchOptions): Promise<KeySet> {
  const set = await parseKeySet(await fetchJson(url, options))
  if (set === undefined) throw new FetchError('not_a_key_set')
  if (set.keys.length === 0) throw new FetchError('no_usable_key')
  return set
}
