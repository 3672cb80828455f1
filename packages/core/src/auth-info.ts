import type { Identity } from './identity.ts'
import { resourceMetadataUrl } from './refusal/metadata.ts'

/**
 * The record that both generations of the MCP SDK carry from `req.auth` to a handler's context.
 * `token` is empty on purpose: MCP forbids passing a received token on.
 */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  /** Seconds since 1970. */
  expiresAt: number
  resource: URL
  resourceMetadataUrl: string
  extra: Record<string, unknown>
}

/** Where to find the resource that an {@link AuthInfo} is for. */
export interface AuthInfoOptions {
  /** Resource identifier of this server (RFC 8707). */
  resource: string
  /** URL of the protected resource metadata (RFC 9728). */
  resourceMetadataUrl: string
}

// Identities travel by reference: what another party writes into `extra` is never believed.
const identities = new WeakMap<object, Identity<unknown>>()

// Registered, so that copies of the package recognize each other's. It says nothing about a caller.
const brand = Symbol.for('onbehalf.authInfo')

/**
 * Makes the `AuthInfo` for an identity. Only this very object carries the identity: a copy does
 * not, and a guard that meets a copy denies.
 */
export function createAuthInfo(identity: Identity<unknown>, options: AuthInfoOptions): AuthInfo {
  const { resource: requested } = identity
  const info: AuthInfo = {
    token: '',
    clientId: identity.client ?? identity.gateway?.client ?? identity.subject,
    scopes: [...identity.scopes],
    expiresAt: identity.expiresAt,
    // Made on each read: a kept one could be changed, and few callers read it.
    get resource() {
      return new URL(requested?.id ?? options.resource)
    },
    resourceMetadataUrl: requested
      ? resourceMetadataUrl(requested.id)
      : options.resourceMetadataUrl,
    extra: { iss: identity.issuer, sub: identity.subject, org: identity.organization?.id },
  }
  identities.set(info, identity)
  // Not enumerable: no copy has it.
  return Object.defineProperty(info, brand, { value: true })
}

/** The identity that {@link createAuthInfo} tied to this object, if any. */
export function identityOfAuthInfo(info: unknown): Identity | undefined {
  if (typeof info !== 'object' || info === null) return undefined
  return identities.get(info) as Identity | undefined
}

/**
 * Why an `AuthInfo` carries no identity: there is none, it is a copy of one, it is something else's,
 * or another copy of this package made it.
 */
export type IdentityLoss = 'no_auth_info' | 'auth_info_copied' | 'auth_info_replaced' | 'two_cores'

/** Says why there is no identity, for an operator; `undefined` where there is one. It decides nothing. */
export function identityLoss(info: unknown): IdentityLoss | undefined {
  if (info === undefined || info === null) return 'no_auth_info'
  if (typeof info !== 'object') return 'auth_info_replaced'
  if (identities.has(info)) return undefined
  if (Object.hasOwn(info, brand)) return 'two_cores'
  const { resourceMetadataUrl } = info as Partial<AuthInfo>
  return typeof resourceMetadataUrl === 'string' ? 'auth_info_copied' : 'auth_info_replaced'
}
