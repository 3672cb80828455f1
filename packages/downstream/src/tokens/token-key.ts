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
 * Keys of the tokens of one scope. Two calls share a token only if everything that decides about it is
 * the same: this server and its client, the API, and of the subject the whole authority with which it
 * calls.
 */
export class TokenKeys {
  readonly #scope: TokenScope
  /** Identities are frozen, so their keys stay. */
  readonly #known = new WeakMap<Identity<unknown>, string>()

  constructor(scope: TokenScope) {
    this.#scope = scope
  }

  of(identity: Identity<unknown>): string {
    const known = this.#known.get(identity)
    if (known !== undefined) return known
    const key = tokenKey(this.#scope, identity)
    this.#known.set(identity, key)
    return key
  }
}

function tokenKey(scope: TokenScope, identity: Identity<unknown>): string {
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
