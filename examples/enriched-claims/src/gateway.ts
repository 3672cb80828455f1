import { type Issuer, issuer } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { list, optional, required } from './environment.ts'

/** Who issues the machine token with which the gateway calls. */
export function gatewayIssuer(resource: string): Issuer {
  const clients = list('GATEWAY_CLIENTS')
  const scopes = list('GATEWAY_SCOPES')
  const userPoolId = optional('COGNITO_USER_POOL_ID', '')
  if (userPoolId !== '') {
    // Cognito's machine tokens have no audience: client and scope replace it.
    return cognito({ region: required('AWS_REGION'), userPoolId, audience: null, clients, scopes })
  }
  return issuer({
    iss: required('GATEWAY_ISSUER'),
    audience: optional('GATEWAY_AUDIENCE', resource),
    kind: 'by-client',
    clients,
    scopes,
  })
}
