import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { errors } from 'oidc-provider'
import { type GrantContext, grantedScopes, issue } from './issue.ts'
import type { IssuerKeys } from './keys.ts'
import { ACCESS_TOKEN_TYPE, ID_JAG_TYPE, JWT_TYPE, ROUTES } from './protocol.ts'
import { type Registry, scopesOf } from './registry.ts'
import { clientOf } from './resources.ts'
import { exchangeRuleOf, type Subject, verifySubject } from './subject.ts'

// draft-ietf-oauth-identity-assertion-authz-grant: a user of one issuer, at another one's API.
const JAG_TYP = 'oauth-id-jag+jwt'
const JAG_SECONDS = 300

/** As identity provider: an assertion about the user, for the authorization server `audience`. */
export async function issueAssertion(
  ctx: GrantContext,
  registry: Registry,
  keys: IssuerKeys,
): Promise<void> {
  const client = clientOf(registry, ctx.oidc.client)
  const { params } = ctx.oidc
  const { subject_token: token, subject_token_type: type, audience, resource, scope } = params
  if (type !== ACCESS_TOKEN_TYPE && type !== JWT_TYPE) {
    throw new errors.InvalidRequest('the subject token must be an access token')
  }
  const { sub } = await verifySubject(token, keys, registry, exchangeRuleOf(client))
  if (typeof audience !== 'string' || !client.assertions?.includes(audience)) {
    throw new errors.InvalidTarget()
  }
  const assertion = await keys.minter.mint(
    { sub, aud: audience, client_id: client.id, resource, scope },
    { header: { typ: JAG_TYP }, expiresInSeconds: JAG_SECONDS },
  )
  ctx.body = {
    access_token: assertion,
    issued_token_type: ID_JAG_TYPE,
    token_type: 'N_A',
    expires_in: JAG_SECONDS,
  }
}

/** As authorization server of the API: an access token for a user whom a trusted issuer vouches for. */
export async function acceptAssertion(
  ctx: GrantContext,
  registry: Registry,
  keys: IssuerKeys,
): Promise<void> {
  const client = clientOf(registry, ctx.oidc.client)
  const { params } = ctx.oidc
  const claims = await verifyAssertion(String(params['assertion']), registry, keys)
  const subject = subjectOf(claims, registry)
  if (claims['client_id'] !== client.id) throw new errors.InvalidGrant('of another client')
  if (!registry.useOnce(String(claims.jti))) throw new errors.InvalidGrant('used before')
  const target = targetOf(claims['resource'], registry)
  const requested = params.scope ?? (claims['scope'] as string | undefined)
  const scopes = grantedScopes(requested, scopesOf(registry, client, target))
  ctx.body = await issue(ctx, keys, { subject, target, scopes })
}

async function verifyAssertion(
  token: string,
  { trustedIssuers }: Registry,
  keys: IssuerKeys,
): Promise<JWTPayload> {
  for (const issuer of trustedIssuers) {
    const jwks = createRemoteJWKSet(new URL(`${issuer}${ROUTES.jwks}`))
    const options = { issuer, audience: keys.minter.issuer, typ: JAG_TYP }
    const verified = await jwtVerify(token, jwks, options).catch(() => undefined)
    if (verified !== undefined) return verified.payload
  }
  throw new errors.InvalidGrant('no trusted issuer made this assertion for us')
}

function subjectOf({ sub = '' }: JWTPayload, { users }: Registry): Subject {
  if (!users.has(sub)) throw new errors.InvalidGrant('the user is not known')
  // The token may outlive the assertion, which is used at once.
  return { sub, exp: Number.POSITIVE_INFINITY, act: undefined }
}

function targetOf(named: unknown, { resources }: Registry): string {
  const [only, ...others] = resources.keys()
  const target = named ?? (others.length === 0 ? only : undefined)
  if (typeof target !== 'string' || !resources.has(target)) throw new errors.InvalidTarget()
  return target
}
