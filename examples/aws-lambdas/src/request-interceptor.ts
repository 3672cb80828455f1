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
    // Never published: the gateway has metadata of its own.
    resource: optional('GATEWAY_URL', 'https://gateway.invalid'),
    sources: [direct({ issuer: peopleIssuer() })],
  }),
  targets: { [required('TARGET')]: toMode() },
  onEvent: (event) => console.log(JSON.stringify(event)),
})

await handler.ready()

/** In a header beside the gateway's own token, or inside a machine token of Cognito. */
function toMode(): TargetMode {
  const mode = optional('MODE', 'header')
  if (mode === 'header') {
    return forwardInboundToken({ header: optional('HEADER', 'x-user-token') })
  }
  if (mode !== 'enriched') throw new Error('MODE must be header or enriched')
  const arn = required('CLIENT_SECRET_ARN')
  return clientMetadata({
    tokenEndpoint: required('TOKEN_ENDPOINT'),
    clientId: required('CLIENT_ID'),
    clientSecret: () => clientSecret(arn),
    scopes: list('SCOPES'),
  })
}
