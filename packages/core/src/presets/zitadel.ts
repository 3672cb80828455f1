import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import type { KindRule } from '../issuer/kind.ts'
import { assertPresetOptions, hostName, ofShape, type PresetOptions } from './preset.ts'

export interface ZitadelOptions<C = Claims> extends PresetOptions<C> {
  /** Host of the instance, for example `acme.zitadel.cloud`. */
  readonly domain: string
  /** Id of the project, or of its application. */
  readonly audience: OneOrMore<string>
  /** Tokens of users and of service accounts look the same: say what yours are. */
  readonly kind: KindRule
}

const resourceOwner = 'urn:zitadel:iam:user:resourceowner'

/**
 * Access tokens of a Zitadel instance, where its application is set to JWT. (Others are opaque: use
 * `introspected`.) The organization is the one that owns the user, with the scope
 * `urn:zitadel:iam:user:resourceowner`; roles are those of the project.
 *
 * https://zitadel.com/docs/apis/openidoauth/claims
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function zitadel<C = Claims>(options: ZitadelOptions<C>): SigningIssuer<C> {
  assertPresetOptions('zitadel', options, { domain: 'required' })
  const iss = `https://${hostName(options.domain, 'domain', 'acme.zitadel.cloud')}`
  return ofShape(options, {
    iss,
    jwksUri: `${iss}/oauth/v2/keys`,
    kind: options.kind,
    claimMap: {
      organization: (claims) => {
        const id = claims[`${resourceOwner}:id`]
        return id === undefined ? undefined : { id, name: claims[`${resourceOwner}:name`] }
      },
      // An object of roles, each with the organizations that it is granted in.
      roles: (claims) => Object.keys(Object(claims['urn:zitadel:iam:org:project:roles'])),
    },
  })
}
