import { type Issuer, issuer } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { list, optional, required } from './environment.ts'

/** Who issues the tokens of users. */
export function peopleIssuer(): Issuer {
  const userPoolId = optional('PEOPLE_USER_POOL_ID', '')
  if (userPoolId === '') {
    return issuer({
      iss: required('PEOPLE_ISSUER'),
      audience: list('PEOPLE_AUDIENCE'),
      kind: 'by-client',
    })
  }
  const clients = list('PEOPLE_CLIENTS')
  return cognito({ region: required('AWS_REGION'), userPoolId, audience: null, clients })
}

/** Who issues the machine tokens of a gateway in front of the runtime. */
export function gatewayIssuer(): Issuer {
  const [clients, scopes] = [list('GATEWAY_CLIENTS'), list('GATEWAY_SCOPES')]
  const userPoolId = optional('GATEWAY_USER_POOL_ID', '')
  if (userPoolId === '') {
    const audience = list('GATEWAY_AUDIENCE')
    return issuer({ iss: required('GATEWAY_ISSUER'), audience, kind: 'by-client', clients, scopes })
  }
  return cognito({ region: required('AWS_REGION'), userPoolId, audience: null, clients, scopes })
}
