import type { Identity } from '@onbehalf/core'
import type { TokenEndpointResponse } from 'oauth4webapi'
import { GrantFault } from '../oauth/fault.ts'

/** What a token is for. */
export interface ApiTarget {
  readonly scopes: readonly string[]
  readonly audience: string | undefined
  readonly resource: string | undefined
}

/** What a grant gets to obtain one token. */
export interface TokenRequest extends ApiTarget {
  readonly identity: Identity<unknown>
  /** The subject's token; absent where none arrived. */
  readonly subjectToken: string | undefined
  /** A claims challenge of the API (Entra's continuous access evaluation). */
  readonly claims: string | undefined
}

/** A token for an API. */
export interface ObtainedToken {
  readonly text: string
  readonly scopes: readonly string[]
  /** Seconds from now; undefined where the authorization server does not say. */
  readonly lifetimeSeconds: number | undefined
}

/**
 * One way to obtain tokens for an API. Made by `tokenExchange`, `entraOnBehalfOf`, `crossAppAccess`,
 * `agentCoreIdentity` and `clientCredentials`.
 */
export interface Grant {
  readonly name: string
  /** Who it acts for. With `'server'`, the subject has no part in the token. */
  readonly actsFor: 'subject' | 'server'
  /** Whether it cannot work without the subject's own token. */
  readonly needsSubjectToken: boolean
  /** Where, and as which client, it obtains tokens: part of the key under which they are shared. */
  readonly client: readonly string[]
  /**
   * Issuer whose sign-in decides about scopes and strength of its tokens: users of that issuer sign in
   * again for them. Absent where a sign-in would not help.
   */
  readonly signInIssuer?: string | undefined
  /** Header that names the subject to the API, for grants that act for the server. */
  readonly subjectHeader?: string | undefined
  /** @throws TypeError when it cannot obtain tokens for this API */
  assertTarget(target: ApiTarget): void
  /** @throws GrantFault */
  obtain(request: TokenRequest): Promise<ObtainedToken>
}

/** RFC 8693 section 3. */
export const tokenTypes = {
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
  id_token: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const

/** What the subject's token is called in an exchange. */
export type SubjectTokenType = keyof typeof tokenTypes

export const idJagType = 'urn:ietf:params:oauth:token-type:id-jag'
export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** The subject's token, of a request that has passed `needsSubjectToken`. */
export function subjectTokenOf({ subjectToken }: TokenRequest): string {
  if (subjectToken !== undefined) return subjectToken
  throw new GrantFault('SUBJECT', { reason: 'no_subject_token' })
}

/** Scopes as one parameter; undefined for none. */
export function toScope(scopes: readonly string[]): string | undefined {
  return scopes.length === 0 ? undefined : scopes.join(' ')
}

/**
 * An access token out of an answer. It may have fewer scopes than were asked for, or more, only where
 * `mayDiffer` says so.
 *
 * @throws GrantFault
 */
export function toToken(
  answer: TokenEndpointResponse,
  asked: readonly string[],
  mayDiffer = false,
): ObtainedToken {
  const { token_type: type, access_token: text, expires_in: lifetimeSeconds, scope } = answer
  if (type !== 'bearer') throw new GrantFault('REFUSED', { reason: 'token_type_not_supported' })
  const scopes = scope === undefined ? asked : scope.split(' ').filter((name) => name !== '')
  if (!mayDiffer && asked.length > 0) assertScopes(scopes, asked)
  return { text, scopes, lifetimeSeconds }
}

function assertScopes(granted: readonly string[], asked: readonly string[]): void {
  const missing = asked.filter((scope) => !granted.includes(scope))
  if (missing.length > 0) {
    throw new GrantFault('SCOPE', { reason: 'scope_not_granted', scopes: missing })
  }
  // More than was asked for is more than this server was meant to do.
  if (granted.some((scope) => !asked.includes(scope))) {
    throw new GrantFault('REFUSED', { reason: 'scope_too_broad' })
  }
}
