import type { OneOrMore } from '../internal/options.ts'
import { mayLeadTo, safeUrl, toHttpHosts } from '../internal/safe-url.ts'
import { isRecord } from '../internal/values.ts'
import { asking, FetchError } from './fetch-error.ts'
import { type FetchOptions, fetchJson, inTime, toTimeoutSeconds } from './fetch-json.ts'
import { type KeySet, parseKeySet } from './key-set.ts'
import type { KeySource } from './key-source.ts'
import { type RefreshOptions, readRefreshOptions } from './refresh-options.ts'
import { refreshingKeys } from './refreshing-keys.ts'

/** How remote keys are fetched and kept. */
export interface RemoteKeysOptions extends FetchOptions, RefreshOptions {
  /**
   * For development: hosts of a container network that are asked over `http`, for example `keycloak`.
   * Anyone on that network can replace the keys. Names of one label or under `.internal`, `.local`,
   * `.test` or `.svc` only. Default: none, and `http` is for loopback.
   */
  readonly insecureHttpHosts?: OneOrMore<string>
}

/**
 * Keys from a JWKS URL (RFC 7517 section 5).
 *
 * @throws TypeError when the URL is not `https` (or `http` on loopback or a stated host)
 */
export function jwksKeys(jwksUri: string, options: RemoteKeysOptions = {}): KeySource {
  const url = safeUrl(jwksUri, 'jwksUri', toHttpHosts(options.insecureHttpHosts))
  return keysInTime(
    (signal) => fetchKeySet(url, { ...options, signal }),
    options,
    () => url,
  )
}

/**
 * Keys of an issuer whose metadata says where they are: OpenID Connect Discovery, or RFC 8414 where
 * that answers 404. The metadata must name exactly this issuer (RFC 8414 section 3.3). It is read
 * again when it is older than `maxAgeSeconds`, or when the keys could not be fetched.
 *
 * @throws TypeError when the issuer is not an `https` URL (or `http` on loopback or a stated host)
 */
export function discoveredKeys(issuer: string, options: RemoteKeysOptions = {}): KeySource {
  const httpHosts = toHttpHosts(options.insecureHttpHosts)
  const base = safeUrl(issuer, 'iss', httpHosts)
  const { maxAgeSeconds, monotonic } = readRefreshOptions(options)
  let asked = base
  let known: { readonly url: URL; readonly readAt: number } | undefined

  async function locate(request: Request): Promise<URL> {
    if (known !== undefined && monotonic() - known.readAt < maxAgeSeconds) return known.url
    asked = base
    const url = await asking(base, () => discover(issuer, { base, httpHosts }, request))
    known = { url, readAt: monotonic() }
    return url
  }

  async function load(signal: AbortSignal): Promise<KeySet> {
    const request = { ...options, signal }
    const url = await locate(request)
    asked = url
    try {
      return await fetchKeySet(url, request)
    } catch (error) {
      // The keys may have moved: the next attempt asks the metadata again.
      known = undefined
      throw error
    }
  }

  return keysInTime(load, options, () => asked)
}

type Request = Pick<FetchOptions, 'fetch'> & { readonly signal: AbortSignal }

/** One time limit over the whole load: metadata and keys together cannot take twice as long. */
function keysInTime(
  load: (signal: AbortSignal) => Promise<KeySet>,
  options: RemoteKeysOptions,
  asked: () => URL,
): KeySource {
  const seconds = toTimeoutSeconds(options.timeoutSeconds)
  return refreshingKeys(() => inTime(seconds, load, asked), options)
}

interface Place {
  readonly base: URL
  readonly httpHosts: readonly string[]
}

async function discover(
  issuer: string,
  { base, httpHosts }: Place,
  request: Request,
): Promise<URL> {
  const metadata = await fetchMetadata(base, request)
  if (!isRecord(metadata)) throw new FetchError('metadata_malformed')
  if (metadata['issuer'] !== issuer) throw new FetchError('metadata_issuer_mismatch')
  const url = toJwksUri(metadata['jwks_uri'], httpHosts)
  if (!mayLeadTo(base, url, httpHosts)) throw new FetchError('metadata_jwks_uri')
  return url
}

function toJwksUri(value: unknown, httpHosts: readonly string[]): URL {
  if (typeof value !== 'string') throw new FetchError('metadata_jwks_uri')
  try {
    return safeUrl(value, 'jwks_uri', httpHosts)
  } catch (cause) {
    throw new FetchError('metadata_jwks_uri', cause)
  }
}

async function fetchMetadata(base: URL, request: Request): Promise<unknown> {
  const path = base.pathname.replace(/\/$/, '')
  const openid = new URL(`${path}/.well-known/openid-configuration`, base.origin)
  const oauth = new URL(`/.well-known/oauth-authorization-server${path}`, base.origin)
  try {
    return await fetchJson(openid, request)
  } catch (error) {
    if (!(error instanceof FetchError) || error.reason !== 'status_404') throw error
    return fetchJson(oauth, request)
  }
}

async function fetchKeySet(url: URL, request: Request): Promise<KeySet> {
  return asking(url, async () => {
    const document = await fetchJson(url, request)
    const set = isRecord(document) ? await parseKeySet(document) : undefined
    if (set === undefined) throw new FetchError('not_a_key_set')
    return set
  })
}
