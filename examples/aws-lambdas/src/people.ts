import { type Issuer, issuer } from '@onbehalf/core'
import { cognito } from '@onbehalf/core/issuers'
import { list, optional, required } from './environment.ts'

/** Who issues the tokens of users: by the rules of the gateway's own authorizer. */
export function peopleIssuer(): Issuer {
  const userPoolId = optional('PEOPLE_USER_POOL_ID', '')
  if (userPoolId === '') {
    return issuer({
      iss: required('PEOPLE_ISSUER'),
      audience: list('PEOPLE_AUDIENCE'),
      kind: 'by-client',
    })
  }
  // Cognito's access tokens have no audience: the app clients that users sign in with replace it.
  return cognito({
    region: optional('PEOPLE_REGION', required('AWS_REGION')),
    userPoolId,
    audience: null,
    clients: list('PEOPLE_CLIENTS'),
  })
}
