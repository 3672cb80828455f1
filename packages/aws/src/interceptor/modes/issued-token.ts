import type { OptionNames } from '@onbehalf/core/internal'
import type { TargetMode } from './target-mode.ts'
import { createTokenCache } from './token-cache.ts'
import { type OAuthClientOptions, tokenEndpoint } from './token-endpoint.ts'
import { fit, toMaxBytes, writtenHeader } from './written-header.ts'

/** What the modes that fetch a token have in common. */
export interface IssuedTokenOptions extends OAuthClientOptions {
  /**
   * Header of the token. Default `authorization`, as `Bearer`; any other header carries the token alone,
   * and the target has to allow-list it.
   */
  readonly header?: string
  /** Tokens that are kept at a time. Default 1000. */
  readonly maxTokens?: number
  /** Longest token, in bytes. Default 4096. */
  readonly maxValueBytes?: number
}

/** The names of what the modes that fetch a token have in common. */
export const issuedTokenOptions: OptionNames<IssuedTokenOptions> = {
  header: true,
  maxTokens: true,
  maxValueBytes: true,
  tokenEndpoint: true,
  clientId: true,
  clientSecret: true,
  clientAuthentication: true,
  scopes: true,
  parameters: true,
  timeoutSeconds: true,
  fetch: true,
}

/** Writes a token that is fetched for each caller, and kept until it or the caller's own expires. */
export function issuedToken(
  options: IssuedTokenOptions,
  parametersFor: (token: string) => Readonly<Record<string, string>>,
): TargetMode {
  const { maxTokens = 1000 } = options
  if (!Number.isInteger(maxTokens) || maxTokens < 1) {
    throw new TypeError('maxTokens must be a positive integer')
  }
  const header = toHeader(options.header)
  const prefix = header === 'authorization' ? 'Bearer ' : ''
  const maxBytes = toMaxBytes(options.maxValueBytes)
  const request = tokenEndpoint(options)
  const cache = createTokenCache(maxTokens)
  return Object.freeze<TargetMode>({
    writes: [header],
    write: async ({ token, user: { expiresAt }, now }) => {
      const load = () => request(parametersFor(token))
      const issued = await cache.get({ token, expiresAt, now }, load)
      return { [header]: prefix + fit(issued, maxBytes, header) }
    },
  })
}

function toHeader(name = 'authorization'): string {
  return name.toLowerCase() === 'authorization' ? 'authorization' : writtenHeader(name, 'header')
}
