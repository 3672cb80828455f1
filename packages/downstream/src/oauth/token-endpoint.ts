import { type Backoff, createBackoff, secureUrl, withDeadline } from '@onbehalf/core/internal'
import {
  type AuthorizationServer,
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  genericTokenEndpointRequest,
  processDiscoveryResponse,
  processGenericTokenEndpointResponse,
  type TokenEndpointResponse,
} from 'oauth4webapi'
import { boundedFetch } from './bounded-fetch.ts'
import { type ClientOptions, toClientAuth } from './client-authentication.ts'
import { GrantFault } from './fault.ts'
import { retrying, toFault } from './retrying.ts'

/** An authorization server, and how this server authenticates to it. */
export interface AuthorizationServerOptions {
  /** Exact issuer identifier. */
  readonly issuer: string
  /** Default: what the issuer's metadata says (RFC 8414, OpenID Connect Discovery). */
  readonly tokenEndpoint?: string
  readonly client: ClientOptions
  /**
   * Sends the requests; for mutual TLS it presents the certificate, for a proxy it goes through it.
   * Default: the global `fetch`.
   */
  readonly fetch?: typeof fetch
  /** Seconds for one token, all attempts and pauses included: above 0, 60 at most. Default 10. */
  readonly timeoutSeconds?: number
}

/** Names of {@link AuthorizationServerOptions}. */
export const authorizationServerOptions = {
  issuer: true,
  tokenEndpoint: true,
  client: true,
  fetch: true,
  timeoutSeconds: true,
} as const

/** The parameters of a grant; those that are undefined are not sent. */
type GrantParameters = Readonly<Record<string, string | undefined>>

export interface TokenEndpoint {
  readonly issuer: string
  /** @throws GrantFault */
  request(grantType: string, parameters: GrantParameters): Promise<TokenEndpointResponse>
}

// The type of an assertion, which is not an access token (RFC 8693 section 2.2.1).
const recognizedTokenTypes = { n_a: () => undefined }

/** @throws TypeError naming the option that is missing or wrong */
export function createTokenEndpoint(options: AuthorizationServerOptions): TokenEndpoint {
  const { issuer, client, timeoutSeconds = 10, fetch: own } = options
  const url = secureUrl(issuer, 'issuer')
  const endpoint = options.tokenEndpoint && secureUrl(options.tokenEndpoint, 'tokenEndpoint').href
  const auth = toClientAuth(client, own !== undefined)
  if (!(timeoutSeconds > 0 && timeoutSeconds <= 60)) {
    throw new TypeError('timeoutSeconds must be above 0 and at most 60')
  }
  let discovered: AuthorizationServer | undefined
  const outage = new Outage()
  const known = endpoint ? { issuer, token_endpoint: endpoint } : undefined

  async function send(
    grantType: string,
    parameters: URLSearchParams,
    signal: AbortSignal,
  ): Promise<TokenEndpointResponse> {
    const http = {
      [customFetch]: boundedFetch(own ?? fetch, signal) as never,
      // Loopback, for development: any other address passed `secureUrl`.
      [allowInsecureRequests]: true as never,
    }
    discovered ??= known ?? (await discover(url, http))
    const { token_endpoint: found = '' } = discovered
    secureUrl(found, 'token_endpoint')
    const id = { client_id: client.id }
    const response = await genericTokenEndpointRequest(
      discovered,
      id,
      auth,
      grantType,
      parameters,
      http,
    )
    return processGenericTokenEndpointResponse(discovered, id, response, { recognizedTokenTypes })
  }

  return {
    issuer,
    request: async (grantType, parameters) => {
      outage.check()
      const body = toBody(parameters)
      const late = () => new GrantFault('DOWN', { reason: 'token_endpoint_timeout' })
      const work = (signal: AbortSignal) =>
        retrying(() => send(grantType, body, signal), timeoutSeconds, signal)
      try {
        const answer = await withDeadline(timeoutSeconds, work, late)
        outage.ended()
        return answer
      } catch (thrown) {
        const fault = toFault(thrown)
        if (fault.code === 'DOWN') outage.goesOn(fault)
        else outage.ended()
        throw fault
      }
    },
  }
}

// A longer pause would outlast most outages.
const maxPauseSeconds = 300

/** An endpoint that is out of reach is left alone for as long as it asks, or 1, 2, 4 ... 60 seconds. */
class Outage {
  readonly #backoff: Backoff = createBackoff(monotonic, Math.random)
  #until = Number.NEGATIVE_INFINITY

  /** @throws GrantFault `DOWN` */
  check(): void {
    const seconds = this.#until - monotonic()
    if (seconds <= 0) return
    const retryAfterSeconds = Math.ceil(seconds)
    throw new GrantFault('DOWN', { reason: 'token_endpoint_unavailable', retryAfterSeconds })
  }

  goesOn({ detail: { retryAfterSeconds: asked = 0 } }: GrantFault): void {
    this.#backoff.fail()
    const asks = monotonic() + Math.min(asked, maxPauseSeconds)
    this.#until = Math.max(this.#backoff.retryAt, asks)
  }

  ended(): void {
    this.#backoff.reset()
    this.#until = Number.NEGATIVE_INFINITY
  }
}

function monotonic(): number {
  return performance.now() / 1000
}

async function discover(issuer: URL, http: object): Promise<AuthorizationServer> {
  return processDiscoveryResponse(issuer, await discoveryRequest(issuer, http))
}

function toBody(parameters: GrantParameters): URLSearchParams {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) body.set(name, value)
  }
  return body
}
