import type { Claims } from '../identity.ts'
import { isRecord } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from './preset.ts'

export interface FirebaseOptions<C = Claims> extends PresetOptions<C> {
  /** Project id, for example `acme-app`. It is the only audience that these tokens have. */
  readonly projectId: string
}

const keysOfProjects =
  'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com'

/**
 * ID tokens of Firebase Authentication and of Identity Platform, whose tenant is the organization.
 * Every server of the project accepts them. Users who signed in as nobody (`anonymous`) are refused,
 * and those with a custom token, which a service may have: set `kind` to accept them.
 *
 * https://firebase.google.com/docs/auth/admin/verify-id-tokens
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function firebase<C = Claims>(options: FirebaseOptions<C>): SigningIssuer<C> {
  assertPresetOptions('firebase', options, { projectId: 'required', audience: 'never' })
  const expected = "the id of a project, for example 'acme-app'"
  const project = matching(options.projectId, /^[a-z][a-z0-9-]*$/, 'projectId', expected)
  return ofShape(
    { ...options, audience: project },
    {
      iss: `https://securetoken.google.com/${project}`,
      jwksUri: keysOfProjects,
      kind: kindOf,
      acceptIdTokens: true,
      claimMap: { organization: ['firebase', 'tenant'] },
    },
  )
}

function kindOf({ firebase: signIn }: Claims): unknown {
  const provider = isRecord(signIn) ? signIn['sign_in_provider'] : undefined
  if (typeof provider !== 'string' || provider === '') return undefined
  return provider === 'anonymous' || provider === 'custom' ? undefined : 'user'
}
