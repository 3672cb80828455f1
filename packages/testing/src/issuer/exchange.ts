import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider'
import type { IssuerKeys } from './keys.ts'
import type { LocalClient, LocalExchange } from './options.ts'
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from './protocol.ts'
import { type Registry, scopesOf } from './registry.ts'
import { assertScopes, clientOf, resourceServer } from './resources.ts'

const TOKEN_TYPES: readonly unknown[] = [ACCESS_TOKEN_TYPE, 'urn:ietf:params:oauth:token-type:jwt']
const PARAMETERS = [
  'actor_token',
  'actor_token_type',
  'audience',
  'requested_token_type',
  'resource',
  'scope',
  'subject_token',
  'subject_token_type',
]
/** Where the grant leaves the actor chain for the claims of the token under way. */
const ACTOR_ENTITY = 'ExchangeActor'

type ExchangeContext = TokenEndpointGrantContext<Partial<Record<string, string | string[]>>>

/**
 * Token exchange (RFC 8693) for clients that may: the user's access token for this issuer's resource
 * `from` becomes one for a resource `to`. The authenticated client is the actor; an `actor_token` must be
 * its own machine token. It is not checked whether the user consented, nor are scopes compared: the new
 * token has what the client may have at the new resource.
 */
export function registerTokenExchange(
  provider: Provider,
  registry: Registry,
  keys: IssuerKeys,
): void {
  const handle = async (ctx: ExchangeContext): Promise<void> => {
    const client = clientOf(registry, ctx.oidc.client)
    const rule = exchangeRuleOf(client)
    const { params } = ctx.oidc
    assertTokenTypes(params)
    const subject = await verifySubject(params['subject_token'], keys, registry, rule)
    if (params['actor_token'] !== undefined) {
      await verifyActor(params['actor_token'], keys, client)
    }
    const target = targetOf(params, rule)
    const scopes = grantedScopes(params.scope, scopesOf(registry, client, target))
    ctx.oidc.entity(ACTOR_ENTITY, { sub: client.id, ...(subject.act && { act: subject.act }) })
    ctx.body = await issue(ctx, keys, { subject, target, scopes })
  }
  provider.registerGrantType(TOKEN_EXCHANGE, handle, PARAMETERS, ['audience', 'resource'])
}

/** The `act` claim (RFC 8693 section 4.1) of the token under way, outermost actor first. */
export function actorOf(ctx: {
  readonly oidc: { readonly entities: Readonly<Record<string, unknown>> }
}): unknown {
  return ctx.oidc.entities[ACTOR_ENTITY]
}

function exchangeRuleOf(client: LocalClient): LocalExchange {
  if (!client.exchange) throw new errors.UnauthorizedClient()
  return client.exchange
}

function assertTokenTypes(params: ExchangeContext['oidc']['params']): void {
  const { actor_token: actor, actor_token_type: actorType } = params
  const { subject_token_type: subjectType, requested_token_type: requested } = params
  const actorFits = actor === undefined ? actorType === undefined : isTokenType(actorType)
  const requestedFits = requested === undefined || isTokenType(requested)
  if (!isTokenType(subjectType) || !actorFits || !requestedFits) {
    throw new errors.InvalidRequest('the token types are missing or not supported')
  }
}

function isTokenType(type: unknown): boolean {
  return TOKEN_TYPES.includes(type)
}

interface Subject {
  readonly sub: string
  readonly exp: number
  readonly act: object | undefined
}

async function verifySubject(
  token: unknown,
  keys: IssuerKeys,
  registry: Registry,
  rule: LocalExchange,
): Promise<Subject> {
  const payload = await verifyOwnToken(token, keys)
  const { sub = '', exp = 0, aud = [], act } = payload
  const isUser = registry.users.has(sub) && sub !== payload['client_id']
  const audiences = Array.isArray(aud) ? aud : [aud]
  if (!isUser || !audiences.some((audience) => rule.from.includes(audience))) {
    throw new errors.InvalidRequest('the subject token is not one this client may exchange')
  }
  return { sub, exp, act: typeof act === 'object' && act !== null ? act : undefined }
}

async function verifyActor(token: unknown, keys: IssuerKeys, client: LocalClient): Promise<void> {
  const { sub } = await verifyOwnToken(token, keys)
  if (sub !== client.id) {
    throw new errors.InvalidRequest('the actor token is not the machine token of the client')
  }
}

/** RFC 8693 section 2.2.2: a token that is invalid for any reason is an `invalid_request`. */
async function verifyOwnToken(token: unknown, keys: IssuerKeys): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(String(token), createLocalJWKSet(keys.jwks), {
      issuer: keys.minter.issuer,
      algorithms: [keys.minter.alg],
      typ: 'at+jwt',
      requiredClaims: ['sub', 'aud', 'exp', 'client_id'],
    })
    return payload
  } catch (cause) {
    throw new errors.InvalidRequest('a presented token is not valid', 400, { cause })
  }
}

/** The one resource of `resource` (RFC 8707) and `audience` (RFC 8693 section 2.1) together. */
function targetOf(params: ExchangeContext['oidc']['params'], rule: LocalExchange): string {
  const named = new Set([params.resource ?? [], params['audience'] ?? []].flat())
  const [target, ...others] = named
  if (target === undefined || others.length > 0 || !rule.to.includes(target)) {
    throw new errors.InvalidTarget()
  }
  return target
}

function grantedScopes(requested: string | undefined, allowed: readonly string[]): string[] {
  assertScopes(requested, allowed)
  return requested?.split(' ') ?? [...allowed]
}

interface Grant {
  readonly subject: Subject
  readonly target: string
  readonly scopes: readonly string[]
}

async function issue(ctx: ExchangeContext, keys: IssuerKeys, grant: Grant): Promise<object> {
  const { provider, client } = ctx.oidc
  const { subject, target, scopes } = grant
  const info = resourceServer(target, scopes, keys.minter.alg)
  const token = new provider.AccessToken({
    accountId: subject.sub,
    client,
    grantId: '',
    gty: 'token_exchange',
    resourceServer: new provider.ResourceServer(target, info),
    scope: scopes.join(' '),
  })
  // The new token does not outlive the one it was exchanged for.
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
