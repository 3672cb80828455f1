import { assertOptions } from '@onbehalf/core/internal'
import {
  type AuthorizationServerOptions,
  authorizationServerOptions,
  createTokenEndpoint,
} from '../oauth/token-endpoint.ts'
import { type Grant, jwtBearerGrant, subjectTokenOf, toScope, toToken } from './grant.ts'

export interface EntraOnBehalfOfOptions
  extends Omit<AuthorizationServerOptions, 'issuer' | 'tokenEndpoint'> {
  /** Directory (tenant) id. */
  readonly tenantId: string
  /** Of a national cloud. Default `https://login.microsoftonline.com`. */
  readonly authority?: string
}

/**
 * On-behalf-of flow of Microsoft Entra. The subject's token must be one for this server's app
 * registration; the scopes of the API are full names, such as `https://graph.microsoft.com/Mail.Read`.
 *
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function entraOnBehalfOf(options: EntraOnBehalfOfOptions): Grant {
  const { tenantId, authority = 'https://login.microsoftonline.com', ...rest } = options
  const { issuer: _, tokenEndpoint: __, ...names } = authorizationServerOptions
  assertOptions('entraOnBehalfOf', options, { ...names, tenantId: true, authority: true })
  // `common` would let the directory of the token decide where it is sent.
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(tenantId)) {
    throw new TypeError('tenantId must be the id of one directory')
  }
  const base = `${authority}/${tenantId}`
  const tokenEndpoint = `${base}/oauth2/v2.0/token`
  const client =
    rest.client?.method === 'private_key_jwt'
      ? { audience: tokenEndpoint, ...rest.client }
      : rest.client
  const endpoint = createTokenEndpoint({ ...rest, client, issuer: `${base}/v2.0`, tokenEndpoint })
  return Object.freeze<Grant>({
    name: 'entra_on_behalf_of',
    actsFor: 'subject',
    needsSubjectToken: true,
    client: [endpoint.issuer, client.id],
    assertTarget: ({ scopes, audience, resource }) => {
      if (scopes.length === 0)
        throw new TypeError('scopes are required: Entra knows an API by them')
      if (audience !== undefined || resource !== undefined) {
        throw new TypeError('audience and resource mean nothing to Entra: name the API in scopes')
      }
    },
    obtain: async (request) => {
      const answer = await endpoint.request(jwtBearerGrant, {
        assertion: subjectTokenOf(request),
        requested_token_use: 'on_behalf_of',
        scope: toScope(request.scopes),
        claims: request.claims,
      })
      // Entra answers with everything that was ever consented to for the API, under short names.
      return toToken(answer, request.scopes, true)
    },
  })
}
