import type { TokenEndpointGrantContext } from 'oidc-provider'
import type { IssuerKeys } from './keys.ts'
import { ACCESS_TOKEN_TYPE } from './protocol.ts'
import { assertScopes, resourceServer } from './resources.ts'
import type { Subject } from './subject.ts'

/** One request to the token endpoint, of a grant that oidc-provider does not know. */
export type GrantContext = TokenEndpointGrantContext<Partial<Record<string, string | string[]>>>

/** Where a grant leaves claims for the token under way. */
const CLAIMS_ENTITY = 'GrantClaims'

/** Claims that a grant adds to its token. */
export function grantClaimsOf(ctx: {
  readonly oidc: { readonly entities: Readonly<Record<string, unknown>> }
}): Readonly<Record<string, unknown>> {
  return (ctx.oidc.entities[CLAIMS_ENTITY] ?? {}) as Record<string, unknown>
}

/** The scopes that were asked for, or all. */
export function grantedScopes(
  requested: string | undefined,
  allowed: readonly string[],
): readonly string[] {
  assertScopes(requested, allowed)
  return requested?.split(' ') ?? [...allowed]
}

/** A token that a grant gives. */
export interface GrantedToken {
  readonly subject: Subject
  /** URI of the resource. */
  readonly target: string
  readonly scopes: readonly string[]
  /** Claims over those of the user. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** The answer with a new access token, which does not outlive the one it was exchanged for. */
export async function issue(
  ctx: GrantContext,
  keys: IssuerKeys,
  { subject, target, scopes, claims = {} }: GrantedToken,
): Promise<object> {
  const { provider, client } = ctx.oidc
  const info = resourceServer(target, scopes, keys.minter.alg)
  ctx.oidc.entity(CLAIMS_ENTITY, claims)
  const token = new provider.AccessToken({
    accountId: subject.sub,
    client,
    grantId: '',
    gty: 'token_exchange',
    resourceServer: new provider.ResourceServer(target, info),
    scope: scopes.join(' '),
  })
  const expiresIn = Math.min(token.expiration, subject.exp - Math.floor(Date.now() / 1000))
  Object.assign(token, { expiresIn })
  const accessToken = await token.save()
  return {
    access_token: accessToken,
    issued_token_type: ACCESS_TOKEN_TYPE,
    token_type: 'Bearer',
    expires_in: expiresIn,
    scope: scopes.join(' '),
  }
}

/** An answer of RFC 6749 section 5.2 with members that oidc-provider's own errors do not have. */
export function refuse(
  ctx: GrantContext,
  error: string,
  members: Readonly<Record<string, string>> = {},
): void {
  ctx.status = 400
  ctx.body = { error, ...members }
}
