import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, ofShape, type PresetOptions } from './preset.ts'

export interface GoogleOptions<C = Claims> extends PresetOptions<C> {
  /** Client ids of your applications; for service accounts the audience that they ask for. */
  readonly audience: OneOrMore<string>
}

/**
 * ID tokens of Google: Google's access tokens are opaque to anyone else. Anyone who signs in to an
 * application that `audience` names can call, so give this server a separate client id. The
 * organization is `hd`, the Workspace domain. Service accounts are services; a token that names
 * neither them nor an application is refused.
 *
 * https://developers.google.com/identity/openid-connect/openid-connect
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function google<C = Claims>(options: GoogleOptions<C>): SigningIssuer<C> {
  assertPresetOptions('google', options, {})
  return ofShape(options, {
    iss: ['https://accounts.google.com', 'accounts.google.com'],
    jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
    kind: kindOf,
    acceptIdTokens: true,
    claimMap: { client: 'azp', organization: 'hd' },
  })
}

/** `azp` of a service account is its own id, and of a user the application that they signed in to. */
function kindOf(claims: Claims): unknown {
  if (isServiceAccount(claims['email'])) return 'service'
  const client = asText(claims['azp']) ?? asText(claims['aud'])
  return client?.endsWith('.apps.googleusercontent.com') ? 'user' : undefined
}

/** Whether an address is that of a service account: Google gives these domains to nobody else. */
export function isServiceAccount(email: unknown): boolean {
  return typeof email === 'string' && /[@.]gserviceaccount\.com$/i.test(email)
}
