import type { Claims } from '../identity.ts'
import type { KindRule } from '../issuer/kind.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from '../presets/preset.ts'
import { signedHeader } from '../sources/signed-header.ts'
import type { Source } from '../sources/source.ts'

export interface PortkeyOptions<C = Claims> extends PresetOptions<C> {
  /** Your workspace. The gateway signs for all of its customers with the same keys. */
  readonly workspaceId: string
  /** Header of `user_identity_forwarding`. Default: `x-user-jwt`. */
  readonly header?: string
  /** Tokens have none: say `null`, and list `clients` or set `acceptTokensForOtherServers: true`. */
  readonly audience: null
  /** `'user'`, unless callers may also use an API key of a service. */
  readonly kind: KindRule
}

/**
 * Portkey's MCP gateway in front of this server, with `user_identity_forwarding` set to `jwt_header`.
 * Tokens of another workspace are refused. The organization is `organisation_id`.
 *
 * https://portkey.ai/docs/product/mcp-gateway/authentication/identity-forwarding
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function portkey<C = Claims>(options: PortkeyOptions<C>): Source<C> {
  assertPresetOptions('portkey', options, { workspaceId: 'required', header: 'optional' })
  const expected = 'the id of your workspace'
  const workspace = matching(options.workspaceId, /^\S+$/, 'workspaceId', expected)
  const issuer = ofShape(options, {
    iss: 'portkey-mcp-gateway',
    jwksUri: 'https://mcp.portkey.ai/.well-known/jwks.json',
    kind: options.kind,
    requiredClaims: { workspace_id: workspace },
    claimMap: { organization: 'organisation_id' },
  })
  return signedHeader({ header: options.header ?? 'x-user-jwt', issuer })
}
