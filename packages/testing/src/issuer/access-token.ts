import { decodeJwt } from 'jose'
import type {
  AccessToken,
  ClientCredentials,
  Configuration,
  KoaContextWithOIDC,
} from 'oidc-provider'
import type { TokenMinter } from '../tokens/mint-token.ts'
import { applyChanges, type ShapedToken } from './changes.ts'
import { type ClaimSet, profileClaims, userAccessClaims } from './claims.ts'
import { grantClaimsOf } from './issue.ts'
import type { LocalUser } from './options.ts'
import type { PreTokenTrigger } from './pre-token-event.ts'
import { NO_AUDIENCE, type Registry } from './registry.ts'
import { runPreTokenTrigger } from './trigger.ts'

type IssuedToken = AccessToken | ClientCredentials

/** oidc-provider's `formats.customizers.jwt`: the claims of every access token, just before signing. */
export type AccessTokenShaper = NonNullable<
  NonNullable<NonNullable<Configuration['formats']>['customizers']>['jwt']
>

/** Adds the user, the actor and the profile's claims, then lets the trigger change them. */
export function createAccessTokenShaper(
  registry: Registry,
  trigger: PreTokenTrigger | undefined,
): AccessTokenShaper {
  return async (ctx, token, jwt) => {
    const user = userOf(registry, token)
    const claims = { ...claimsOf(ctx, registry, user, jwt.payload) }
    const scopes = token.scope?.split(' ') ?? []
    const shaped = trigger
      ? await runTrigger(ctx, registry, trigger, user, { claims, scopes })
      : { claims, scopes }
    // The token endpoint answers with the scope of the token object.
    token.scope = shaped.scopes.join(' ')
    jwt.payload = { ...shaped.claims, scope: token.scope || undefined }
  }
}

function userOf(registry: Registry, token: IssuedToken): LocalUser | undefined {
  return token.kind === 'AccessToken' ? registry.users.get(token.accountId) : undefined
}

function claimsOf(
  ctx: KoaContextWithOIDC,
  { profile }: Registry,
  user: LocalUser | undefined,
  registered: ClaimSet,
): ClaimSet {
  return {
    ...(user && userAccessClaims(profile, user)),
    ...profileClaims(profile, Number(registered['iat'])),
    ...grantClaimsOf(ctx),
    ...registered,
  }
}

async function runTrigger(
  ctx: KoaContextWithOIDC,
  { profile }: Registry,
  trigger: PreTokenTrigger,
  user: LocalUser | undefined,
  token: ShapedToken,
): Promise<ShapedToken> {
  const clientId = String(token.claims['client_id'])
  const clientMetadata = ctx.oidc.body?.['aws_client_metadata']
  const changes = await runPreTokenTrigger(trigger, {
    clientId,
    user,
    scopes: token.scopes,
    clientMetadata,
  })
  // Cognito lets a trigger add the client itself as audience, where there was none.
  return applyChanges(token, changes, profile === 'cognito' ? clientId : undefined)
}

/**
 * The access token as Cognito would have signed it: without `typ`, and without the audience that
 * oidc-provider insists on.
 */
export async function signAsCognito(token: string, minter: TokenMinter): Promise<string> {
  const { aud, ...claims } = decodeJwt(token)
  const payload = aud === NO_AUDIENCE ? claims : { aud, ...claims }
  return minter.mint(payload, { header: { typ: undefined } })
}
