import { assertOptions } from '@onbehalf/core/internal'
import {
  type AuthorizationServerOptions,
  authorizationServerOptions,
  createTokenEndpoint,
} from '../oauth/token-endpoint.ts'
import { type OwnTokenOptions, ownToken } from './client-credentials.ts'
import {
  type ApiTarget,
  type Grant,
  type SubjectTokenType,
  subjectTokenOf,
  tokenExchangeGrant,
  tokenTypes,
  toScope,
  toToken,
} from './grant.ts'

export interface TokenExchangeOptions extends AuthorizationServerOptions {
  /** What the subject's token is called. Default `access_token`. */
  readonly subjectTokenType?: SubjectTokenType
  /**
   * Sends this server's own token (client credentials of the same client) as `actor_token`, so that
   * `act` of the new token names this server. Default: none; many authorization servers name the
   * authenticated client all the same.
   */
  readonly actorToken?: OwnTokenOptions
}

/**
 * Token exchange (RFC 8693): the subject's token becomes one for the API.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function tokenExchange(options: TokenExchangeOptions): Grant {
  const { subjectTokenType = 'access_token', actorToken } = options
  assertOptions('tokenExchange', options, {
    ...authorizationServerOptions,
    subjectTokenType: true,
    actorToken: true,
  })
  const endpoint = createTokenEndpoint(options)
  const subjectType = toTokenType(subjectTokenType)
  const actor = actorToken && ownToken(endpoint, actorToken)
  return Object.freeze<Grant>({
    name: 'token_exchange',
    actsFor: 'subject',
    needsSubjectToken: true,
    client: [endpoint.issuer, options.client.id],
    signInIssuer: endpoint.issuer,
    assertTarget: assertNamed,
    obtain: async (request) => {
      const subject = subjectTokenOf(request)
      const actorText = await actor?.()
      const answer = await endpoint.request(tokenExchangeGrant, {
        subject_token: subject,
        subject_token_type: subjectType,
        requested_token_type: tokenTypes.access_token,
        actor_token: actorText,
        actor_token_type: actorText && tokenTypes.access_token,
        audience: request.audience,
        resource: request.resource,
        scope: toScope(request.scopes),
      })
      return toToken(answer, request.scopes)
    },
  })
}

/** @throws TypeError */
export function toTokenType(name: SubjectTokenType): string {
  if (Object.hasOwn(tokenTypes, name)) return tokenTypes[name]
  throw new TypeError(`subjectTokenType must be one of ${Object.keys(tokenTypes).join(', ')}`)
}

/** A token for anything at all would be a token for everything. */
function assertNamed({ audience, resource }: ApiTarget): void {
  if (audience === undefined && resource === undefined) {
    throw new TypeError('audience or resource is required: the token must be for this API alone')
  }
}
