import type { Claims } from '../identity.ts'
import type { OneOrMore } from '../internal/options.ts'
import { asText } from '../internal/values.ts'
import type { SigningIssuer } from '../issuer/issuer.ts'
import { assertPresetOptions, matching, ofShape, type PresetOptions } from './preset.ts'

export interface AzureB2cOptions<C = Claims> extends PresetOptions<C> {
  /** Name of the tenant, for example `contoso`. */
  readonly tenant: string
  /** Directory (tenant) id, a GUID. */
  readonly tenantId: string
  /** The user flow or custom policy that issues the tokens, as it is in `tfp`. */
  readonly policy: string
  /** Application id of the API. */
  readonly audience: OneOrMore<string>
}

/**
 * Access tokens of one user flow of Azure AD B2C. Tokens of other flows are refused (`tfp`), and those
 * without `scp`, which no user consented to. They carry a `nonce`, so `audience` must not be the id of
 * an application that signs users in. For older tokens, which have `acr`, and for a custom domain,
 * use `issuer`.
 *
 * https://learn.microsoft.com/azure/active-directory-b2c/tokens-overview
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function azureB2c<C = Claims>(options: AzureB2cOptions<C>): SigningIssuer<C> {
  assertPresetOptions('azureB2c', options, {
    tenant: 'required',
    tenantId: 'required',
    policy: 'required',
  })
  const { tenantId, policy: flow } = options
  const named = "the name of a tenant, for example 'contoso'"
  const tenant = matching(options.tenant, /^[a-z0-9-]+$/i, 'tenant', named)
  const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
  const id = matching(tenantId, guid, 'tenantId', "the tenant's GUID in lower case")
  const ofPolicy = "the name of a policy, for example 'B2C_1_sign_in'"
  const policy = matching(flow, /^B2C_1A?_[\w-]+$/i, 'policy', ofPolicy)
  const base = `https://${tenant}.b2clogin.com`
  return ofShape(options, {
    iss: `${base}/${id}/v2.0/`,
    jwksUri: `${base}/${tenant}.onmicrosoft.com/${policy}/discovery/v2.0/keys`,
    kind: (claims) => (asText(claims['scp'])?.trim() ? 'user' : undefined),
    acceptNonce: true,
    requiredClaims: { tfp: policy },
    claimMap: { client: 'azp', scopes: 'scp' },
  })
}
