import type { Provider } from 'oidc-provider'
import { acceptAssertion } from './identity-assertion.ts'
import type { GrantContext } from './issue.ts'
import type { IssuerKeys } from './keys.ts'
import { exchangeOnBehalfOf } from './on-behalf-of.ts'
import { JWT_BEARER } from './protocol.ts'
import type { Registry } from './registry.ts'

const PARAMETERS = ['assertion', 'claims', 'requested_token_use', 'scope']

/** JWT bearer (RFC 7523): Entra's on-behalf-of flow, or the identity assertion of a trusted issuer. */
export function registerJwtBearer(provider: Provider, registry: Registry, keys: IssuerKeys): void {
  const handle = (ctx: GrantContext): Promise<void> => {
    const isOnBehalfOf = ctx.oidc.params['requested_token_use'] === 'on_behalf_of'
    const answer = isOnBehalfOf ? exchangeOnBehalfOf : acceptAssertion
    return answer(ctx, registry, keys)
  }
  provider.registerGrantType(JWT_BEARER, handle, PARAMETERS)
}
