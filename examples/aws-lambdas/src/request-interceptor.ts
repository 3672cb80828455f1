import {
  clientMetadata,
  forwardInboundToken,
  type RequestInterceptor,
  requestInterceptor,
  type TargetMode,
} from '@onbehalf/aws'
import { createAuthenticator, direct } from '@onbehalf/core'
import { clientSecret } from './client-secret.ts'
import { list, optional, required } from './environment.ts'
import { peopleIssuer } from './people.ts'

/** REQUEST interceptor of the gateway. */
export const handler: RequestInterceptor = requestInterceptor({
  authenticator: createAuthenticator({
    // Never published: the gateway has its own metadata.
    resource: optional('GATEWAY_URL', 'https://gateway.invalid'),
    sources: [direct({ issuer: peopleIssuer() })],
  }),
  targets: { [required('TARGET')]: toMode() },
  onEvent: (event) => console.log(JSON.stringify(event)),
})

await handler.ready()

/** The user's own token, or a machine token of Cognito with the user inside; in which header. */
function toMode(): TargetMode {
  const mode = optional('MODE', 'header')
  const header = optional('HEADER', 'x-user-token')
  switch (mode) {
    case 'header':
      return forwardInboundToken({ header })
    case 'enriched-header':
      return enriched(header)
    case 'enriched':
      return enriched('authorization')
    default:
      throw new Error('MODE must be header, enriched-header or enriched')
  }
}

function enriched(header: string): TargetMode {
  const arn = required('CLIENT_SECRET_ARN')
  return clientMetadata({
    header,
    tokenEndpoint: required('TOKEN_ENDPOINT'),
    clientId: required('CLIENT_ID'),
    clientSecret: () => clientSecret(arn),
    scopes: list('SCOPES'),
  })
}
