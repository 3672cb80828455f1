import { assertOptions, isRecord, secureUrl } from '@onbehalf/core/internal'
import type { Elicitations } from '@onbehalf/mcp'
import type { ApiTarget, Grant } from '../grants/grant.ts'

/** Your page on which users give consent for an API. */
export interface ConsentOptions {
  /** Its address for the id of one user's visit: `https`, or `http` on a loopback address. */
  readonly page: (id: string) => string
  /** Made by `createElicitations`: the page serves a visitor only where `isFor` says so. */
  readonly elicitations: Elicitations
}

/** One API that handlers may call. */
export interface ApiOptions {
  /**
   * Origin and base path, for example `https://graph.microsoft.com/v1.0`: tokens are sent there and
   * below, and nowhere else. `https`, or `http` on a loopback address.
   */
  readonly baseUrl: string
  /** How tokens for it are obtained. There is no second way if that one fails. */
  readonly grant: Grant
  /** Scopes of the token. Default: what the authorization server gives. */
  readonly scopes?: readonly string[]
  /** Audience of the token (RFC 8693 section 2.1). */
  readonly audience?: string
  /** Resource that the token is for (RFC 8707). */
  readonly resource?: string
  /** Seconds until the API has begun to answer: above 0. Default 30. */
  readonly timeoutSeconds?: number
  /** Sends the requests. Default: the global `fetch`. */
  readonly fetch?: typeof fetch
  /**
   * Where users give consent for this API, if its authorization server asks for it. MCP clients open
   * the page for them. Default: they get an error, and an address only if the authorization server
   * says one.
   */
  readonly consent?: ConsentOptions
  /**
   * Lets handlers ask for the token itself, for client libraries that take no `fetch`. Default: false,
   * they cannot.
   */
  readonly allowTokenAccess?: boolean
}

const optionNames = {
  baseUrl: true,
  grant: true,
  scopes: true,
  audience: true,
  resource: true,
  timeoutSeconds: true,
  fetch: true,
  consent: true,
  allowTokenAccess: true,
} as const

/** An API whose options were read. */
export interface ApiSettings {
  readonly name: string
  readonly base: URL
  readonly grant: Grant
  readonly target: ApiTarget
  readonly fetch: typeof fetch | undefined
  readonly timeoutSeconds: number
  readonly consent: ConsentOptions | undefined
  readonly allowTokenAccess: boolean
}

/** @throws TypeError naming the API and the option that is missing or wrong */
export function toApiSettings(name: string, options: ApiOptions): ApiSettings {
  try {
    return readApi(name, options)
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown
    throw new TypeError(`apis.${name}: ${thrown.message}`)
  }
}

function readApi(name: string, options: ApiOptions): ApiSettings {
  assertOptions('an API', options, optionNames)
  const { grant, scopes = [], timeoutSeconds = 30, allowTokenAccess = false } = options
  const base = secureUrl(options.baseUrl, 'baseUrl')
  if (base.search !== '') throw new TypeError('baseUrl must not have a query')
  if (!isRecord(grant) || typeof grant.obtain !== 'function') {
    throw new TypeError('grant is required')
  }
  const areNames =
    Array.isArray(scopes) && scopes.every((it) => /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(it))
  if (!areNames) throw new TypeError('scopes must be a list of scopes')
  if (!(timeoutSeconds > 0)) throw new TypeError('timeoutSeconds must be above 0')
  const { audience, resource, fetch, consent } = options
  if (consent !== undefined) assertConsent(consent)
  const target = Object.freeze({ scopes: Object.freeze([...scopes]), audience, resource })
  grant.assertTarget(target)
  return { name, base, grant, target, fetch, timeoutSeconds, consent, allowTokenAccess }
}

function assertConsent(consent: ConsentOptions): void {
  assertOptions('consent', consent, { page: true, elicitations: true })
  const { page, elicitations } = consent
  if (typeof page !== 'function') throw new TypeError('consent.page must be a function')
  if (typeof elicitations?.open !== 'function') {
    throw new TypeError('consent.elicitations must be made by createElicitations')
  }
  secureUrl(page('id'), 'consent.page')
}
