import type { Claims, Identity } from '@onbehalf/core'
import type { ApiTarget, Grant } from '../grants/grant.ts'

/** Which tokens may serve which calls. */
export interface TokenScope {
  /** Resource identifier of this server. */
  readonly server: string
  readonly api: string
  readonly grant: Grant
  readonly target: ApiTarget
}

/**
 * The key of a token. Two calls share one only if everything that decides about a token is the same:
 * this server and its client, the API, and of the subject the whole authority with which it calls.
 */
export function tokenKey(scope: TokenScope, identity: Identity<unknown>): string {
  const { server, api, grant, target } = scope
  const { audience, resource, scopes } = target
  const forApi = [server, api, grant.name, grant.client, audience, resource, scopes]
  return JSON.stringify([forApi, grant.actsFor === 'server' ? [] : authorityOf(identity)])
}

function authorityOf(identity: Identity<unknown>): readonly unknown[] {
  const { kind, issuer, subject, organization, client, gateway, actor, scopes, roles } = identity
  // A session that signs out takes its tokens along; a stronger sign-in gets another token.
  const { sid, acr } = Object(identity.claims) as Claims
  return [
    [kind, issuer, subject],
    [organization?.id, organization?.roles.toSorted()],
    [client, gateway, actor],
    [scopes.toSorted(), roles.toSorted()],
    [sid, acr],
  ]
}
