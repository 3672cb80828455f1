import { errors } from 'oidc-provider'
import { type GrantContext, issue, refuse } from './issue.ts'
import type { IssuerKeys } from './keys.ts'
import type { LocalExchange } from './options.ts'
import { type Registry, scopesOf } from './registry.ts'
import { clientOf } from './resources.ts'
import { exchangeRuleOf, hasConsented, type Subject, verifySubject } from './subject.ts'

/**
 * The on-behalf-of flow as Microsoft Entra has it: the assertion is the user's access token for this
 * client, and the scopes are full names, which begin with the URI of one resource. No claim names an
 * actor. A claims challenge is met by users with that authentication context.
 *
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
 */
export async function exchangeOnBehalfOf(
  ctx: GrantContext,
  registry: Registry,
  keys: IssuerKeys,
): Promise<void> {
  const client = clientOf(registry, ctx.oidc.client)
  const rule = exchangeRuleOf(client)
  const { params } = ctx.oidc
  const subject = await verifyAssertion(params['assertion'], keys, registry, rule)
  const { target, names } = readScopes(String(params.scope), rule)
  const allowed = scopesOf(registry, client, target)
  if (names.some((name) => !allowed.includes(name))) return refuse(ctx, 'invalid_scope')
  if (!hasConsented(rule, subject)) {
    return refuse(ctx, 'invalid_grant', { suberror: 'consent_required' })
  }
  const asked = contextAskedFor(params['claims'])
  if (asked !== undefined && !hasContext(registry, subject, asked)) {
    return refuse(ctx, 'interaction_required', { claims: String(params['claims']) })
  }
  const claims = asked === undefined ? {} : { acrs: [asked] }
  const answer = await issue(ctx, keys, { subject, target, scopes: names, claims })
  ctx.body = { ...answer, scope: names.map((name) => `${target}/${name}`).join(' ') }
}

async function verifyAssertion(
  token: unknown,
  keys: IssuerKeys,
  registry: Registry,
  rule: LocalExchange,
): Promise<Subject> {
  try {
    return await verifySubject(token, keys, registry, rule)
  } catch {
    throw new errors.InvalidGrant('the assertion is not a token for this client')
  }
}

/** The one resource of full names, and what is left of them. */
function readScopes(
  scope: string,
  { to }: LocalExchange,
): { readonly target: string; readonly names: readonly string[] } {
  const full = scope.split(' ')
  const target = to.find((uri) => full.every((name) => name.startsWith(`${uri}/`)))
  if (target === undefined) throw new errors.InvalidTarget()
  return { target, names: full.map((name) => name.slice(target.length + 1)) }
}

/** The authentication context (`acrs`) that a claims challenge asks for. */
function contextAskedFor(claims: unknown): string | undefined {
  if (typeof claims !== 'string') return undefined
  try {
    const { access_token: asked } = JSON.parse(claims) as {
      access_token?: { acrs?: { value?: string } }
    }
    return asked?.acrs?.value
  } catch (cause) {
    throw new errors.InvalidRequest('claims is not JSON', 400, { cause })
  }
}

function hasContext({ users }: Registry, { sub }: Subject, context: string): boolean {
  return users.get(sub)?.authenticationContexts?.includes(context) ?? false
}
