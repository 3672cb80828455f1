import { type Issuer, issuer } from '@onbehalf/core'
import { auth0, cognito, entra, keycloak, okta } from '@onbehalf/core/issuers'
import { list, optional, required } from './environment.ts'

/** Who issues the tokens of users: any OpenID provider, or one whose claims have their own shape. */
export function peopleIssuer(): Issuer {
  const provider = optional('IDENTITY_PROVIDER', 'oidc')
  switch (provider) {
    case 'oidc':
      // Many providers write `typ: JWT` into access tokens, or nothing.
      return issuer({
        iss: required('PEOPLE_ISSUER'),
        audience: audience(),
        kind: 'by-client',
        tokenType: 'compatible',
      })
    case 'cognito':
      // No audience in Cognito's access tokens: the app clients replace it.
      return cognito({
        region: required('AWS_REGION'),
        userPoolId: required('PEOPLE_USER_POOL_ID'),
        audience: null,
        clients: list('PEOPLE_CLIENTS'),
      })
    case 'entra':
      return entra({ tenantId: required('ENTRA_TENANT_ID'), audience: audience() })
    case 'okta':
      return okta({ domain: required('OKTA_DOMAIN'), audience: audience() })
    case 'auth0':
      return auth0({ domain: required('AUTH0_DOMAIN'), audience: audience() })
    case 'keycloak':
      return keycloak({
        url: required('KEYCLOAK_URL'),
        realm: required('KEYCLOAK_REALM'),
        audience: audience(),
      })
    default:
      throw new Error(`IDENTITY_PROVIDER is unknown: ${provider}`)
  }
}

function audience(): string {
  return required('PEOPLE_AUDIENCE')
}
