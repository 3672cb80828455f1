import { assertOptions } from '@onbehalf/core/internal'
import { type IssuedTokenOptions, issuedToken, issuedTokenOptions } from './issued-token.ts'
import type { TargetMode } from './target-mode.ts'

/** Options of {@link tokenExchange}. */
export interface TokenExchangeOptions extends IssuedTokenOptions {
  /**
   * Which exchange the authorization server speaks, by the names that AgentCore Identity has for them:
   * RFC 8693, or RFC 7523 section 2.1 as Microsoft Entra ID extends it (on behalf of).
   */
  readonly grantType: 'TOKEN_EXCHANGE' | 'JWT_AUTHORIZATION_GRANT'
}

/**
 * Exchanges the caller's token for one that is for the target, and writes it into `Authorization`. AgentCore
 * Gateway does the same by itself for MCP server targets (`grantType: TOKEN_EXCHANGE`): use this where
 * that does not fit. The target must have no `credentialProviderConfigurations`.
 *
 * Cognito has neither exchange: see `clientMetadata`.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function tokenExchange(options: TokenExchangeOptions): TargetMode {
  assertOptions('tokenExchange', options, { ...issuedTokenOptions, grantType: true })
  const { grantType } = options
  if (!Object.hasOwn(grants, grantType)) {
    throw new TypeError("grantType must be 'TOKEN_EXCHANGE' or 'JWT_AUTHORIZATION_GRANT'")
  }
  return issuedToken(options, grants[grantType])
}

const grants: Record<
  TokenExchangeOptions['grantType'],
  (token: string) => Readonly<Record<string, string>>
> = {
  TOKEN_EXCHANGE: (token) => ({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }),
  JWT_AUTHORIZATION_GRANT: (token) => ({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: token,
    requested_token_use: 'on_behalf_of',
  }),
}
