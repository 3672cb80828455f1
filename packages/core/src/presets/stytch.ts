import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import {
  assertPresetOptions,
  byPrefix,
  hostName,
  matching,
  ofShape,
  type PresetOptions,
} from './preset.ts'

export interface StytchOptions<C = Claims> extends PresetOptions<C> {
  /** Project id, for example `project-live-1c2d`. */
  readonly projectId: string
  /** Domain of the project, if its tokens name it as their issuer. */
  readonly domain?: string
  /** The project id, or the custom audience that you set on the client. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of Stytch Connected Apps, and of M2M clients, whose `sub` is `m2m-client-...`. The
 * organization is `https://stytch.com/organization`, where a token has it.
 *
 * https://stytch.com/docs/b2b/api/connected-app-access-token
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function stytch<C = Claims>(options: StytchOptions<C>): SigningIssuer<C> {
  assertPresetOptions('stytch', options, { projectId: 'required', domain: 'optional' })
  const expected = "the id of a project, for example 'project-live-1c2d'"
  const project = matching(options.projectId, /^project-[a-z0-9-]+$/, 'projectId', expected)
  const api = project.startsWith('project-test-') ? 'test.stytch.com' : 'api.stytch.com'
  const domains =
    options.domain === undefined
      ? []
      : [`https://${hostName(options.domain, 'domain', 'login.example.com')}`]
  return ofShape(options, {
    iss: [`stytch.com/${project}`, ...domains],
    jwksUri: `https://${api}/v1/public/${project}/.well-known/jwks.json`,
    kind: byPrefix({ 'user-': 'user', 'member-': 'user', 'm2m-client-': 'service' }),
    claimMap: {
      organization: ['https://stytch.com/organization', 'organization_id'],
      roles: ['https://stytch.com/session', 'roles'],
    },
  })
}
