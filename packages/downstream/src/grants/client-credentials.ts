import { assertOptions, headerName } from '@onbehalf/core/internal'
import {
  type AuthorizationServerOptions,
  authorizationServerOptions,
  createTokenEndpoint,
  type TokenEndpoint,
} from '../oauth/token-endpoint.ts'
import { type Grant, toScope, toToken } from './grant.ts'

export interface ClientCredentialsOptions extends AuthorizationServerOptions {
  /**
   * Header that names the subject to the API, for its records: issuer and subject, each
   * percent-encoded, with a space between. The API must not decide by it. Default: none is sent.
   */
  readonly subjectHeader?: string
}

/**
 * Client credentials (RFC 6749 section 4.4): this server calls the API in its own name, for APIs that
 * know no users. Every subject then has the rights of this server: guard the tools that use it.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function clientCredentials(options: ClientCredentialsOptions): Grant {
  assertOptions('clientCredentials', options, {
    ...authorizationServerOptions,
    subjectHeader: true,
  })
  const endpoint = createTokenEndpoint(options)
  const { subjectHeader } = options
  return Object.freeze<Grant>({
    name: 'client_credentials',
    actsFor: 'server',
    needsSubjectToken: false,
    client: [endpoint.issuer, options.client.id],
    subjectHeader: subjectHeader && headerName(subjectHeader, 'subjectHeader'),
    assertTarget: () => undefined,
    obtain: async ({ audience, resource, scopes }) => {
      const scope = toScope(scopes)
      const answer = await endpoint.request('client_credentials', { audience, resource, scope })
      return toToken(answer, scopes)
    },
  })
}

/** What this server's own token is for. */
export interface OwnTokenOptions {
  readonly scopes?: readonly string[]
  /** RFC 8707. Default: not sent. */
  readonly resource?: string
}

/** This server's own token, of the same client: one at a time, until shortly before it expires. */
export function ownToken(endpoint: TokenEndpoint, options: OwnTokenOptions): () => Promise<string> {
  const { scopes = [], resource } = options
  let current: { readonly text: string; readonly until: number } | undefined
  let pending: Promise<string> | undefined

  async function obtain(): Promise<string> {
    const scope = toScope(scopes)
    const answer = await endpoint.request('client_credentials', { resource, scope })
    const { text, lifetimeSeconds = 0 } = toToken(answer, scopes)
    current = { text, until: performance.now() / 1000 + lifetimeSeconds * 0.9 }
    return text
  }

  return () => {
    if (current !== undefined && performance.now() / 1000 < current.until) {
      return Promise.resolve(current.text)
    }
    pending ??= obtain().finally(() => {
      pending = undefined
    })
    return pending
  }
}
