import { errors, type Provider } from 'oidc-provider'
import { issueAssertion } from './identity-assertion.ts'
import { type GrantContext, grantedScopes, issue, refuse } from './issue.ts'
import type { IssuerKeys } from './keys.ts'
import type { LocalClient, LocalExchange } from './options.ts'
import { ACCESS_TOKEN_TYPE, ID_JAG_TYPE, JWT_TYPE, TOKEN_EXCHANGE } from './protocol.ts'
import { type Registry, scopesOf } from './registry.ts'
import { clientOf } from './resources.ts'
import { exchangeRuleOf, hasConsented, verifyOwnToken, verifySubject } from './subject.ts'

const TOKEN_TYPES: readonly unknown[] = [ACCESS_TOKEN_TYPE, JWT_TYPE]
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
/**
 * Token exchange (RFC 8693) for clients that may: the user's access token for this issuer's resource
 * `from` becomes one for a resource `to`. The authenticated client is the actor; an `actor_token` must be
 * its own machine token. Scopes are not compared: the new token has what the client may have at the new
 * resource. An identity assertion for another authorization server is obtained here as well.
 */
export function registerTokenExchange(
  provider: Provider,
  registry: Registry,
  keys: IssuerKeys,
): void {
  const handle = async (ctx: GrantContext): Promise<void> => {
    const client = clientOf(registry, ctx.oidc.client)
    const rule = exchangeRuleOf(client)
    const { params } = ctx.oidc
    if (params['requested_token_type'] === ID_JAG_TYPE) return issueAssertion(ctx, registry, keys)
    assertTokenTypes(params)
    const subject = await verifySubject(params['subject_token'], keys, registry, rule)
    if (params['actor_token'] !== undefined) {
      await verifyActor(params['actor_token'], keys, client)
    }
    const target = targetOf(params, rule)
    const scopes = grantedScopes(params.scope, scopesOf(registry, client, target))
    if (!hasConsented(rule, subject)) return refuse(ctx, 'consent_required')
    const act = { sub: client.id, ...(subject.act && { act: subject.act }) }
    ctx.body = await issue(ctx, keys, { subject, target, scopes, claims: { act } })
  }
  provider.registerGrantType(TOKEN_EXCHANGE, handle, PARAMETERS, ['audience', 'resource'])
}

function assertTokenTypes(params: GrantContext['oidc']['params']): void {
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

async function verifyActor(token: unknown, keys: IssuerKeys, client: LocalClient): Promise<void> {
  const { sub } = await verifyOwnToken(token, keys)
  if (sub !== client.id) {
    throw new errors.InvalidRequest('the actor token is not the machine token of the client')
  }
}

/** The one resource of `resource` (RFC 8707) and `audience` (RFC 8693 section 2.1) together. */
function targetOf(params: GrantContext['oidc']['params'], rule: LocalExchange): string {
  const named = new Set([params.resource ?? [], params['audience'] ?? []].flat())
  const [target, ...others] = named
  if (target === undefined || others.length > 0 || !rule.to.includes(target)) {
    throw new errors.InvalidTarget()
  }
  return target
}
