import { assertOptions } from '@onbehalf/core/internal'
import { GrantFault } from '../oauth/fault.ts'
import {
  type AuthorizationServerOptions,
  authorizationServerOptions,
  createTokenEndpoint,
} from '../oauth/token-endpoint.ts'
import {
  type Grant,
  idJagType,
  jwtBearerGrant,
  type SubjectTokenType,
  subjectTokenOf,
  tokenExchangeGrant,
  toScope,
  toToken,
} from './grant.ts'
import { toTokenType } from './token-exchange.ts'

export interface CrossAppAccessOptions {
  /** Who knows the user, and vouches for them to the API's authorization server. */
  readonly identityProvider: AuthorizationServerOptions
  /** The API's own authorization server. */
  readonly authorizationServer: AuthorizationServerOptions
  /** What the subject's token is called. Default `id_token`; it must be of the identity provider. */
  readonly subjectTokenType?: SubjectTokenType
}

/**
 * Cross-app access: the identity provider turns the subject's token into an identity assertion for
 * the API's authorization server, which gives a token for it (draft-ietf-oauth-identity-assertion-
 * authz-grant; RFC 8693, then RFC 7523).
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function crossAppAccess(options: CrossAppAccessOptions): Grant {
  const { subjectTokenType = 'id_token' } = options
  assertOptions('crossAppAccess', options, {
    identityProvider: true,
    authorizationServer: true,
    subjectTokenType: true,
  })
  const provider = toEndpoint(options.identityProvider, 'identityProvider')
  const server = toEndpoint(options.authorizationServer, 'authorizationServer')
  const subjectType = toTokenType(subjectTokenType)
  return Object.freeze<Grant>({
    name: 'cross_app_access',
    actsFor: 'subject',
    needsSubjectToken: true,
    client: [provider.issuer, server.issuer, options.authorizationServer.client.id],
    assertTarget: () => undefined,
    obtain: async (request) => {
      const scope = toScope(request.scopes)
      const assertion = await provider.request(tokenExchangeGrant, {
        subject_token: subjectTokenOf(request),
        subject_token_type: subjectType,
        requested_token_type: idJagType,
        audience: server.issuer,
        resource: request.resource,
        scope,
      })
      if (assertion['issued_token_type'] !== idJagType) {
        throw new GrantFault('REFUSED', { reason: 'assertion_not_issued' })
      }
      const answer = await server.request(jwtBearerGrant, {
        assertion: assertion.access_token,
        scope,
      })
      return toToken(answer, request.scopes)
    },
  })
}

function toEndpoint(options: AuthorizationServerOptions, name: string) {
  assertOptions(name, options, authorizationServerOptions)
  return createTokenEndpoint(options)
}
