import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import { IdentityError, isIdentityError } from '../errors.ts'
import type { Gateway } from '../identity.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import { broken } from './binding.ts'
import { assertIssuer, named, verifyBy } from './source.ts'

/** A gateway whose machine token was verified. */
export interface VerifiedGateway {
  readonly gateway: Gateway
  readonly token: VerifiedToken<unknown>
}

/**
 * Verifies the machine token with which a gateway calls, or a second one in another header.
 *
 * @throws IdentityError `MISSING`, `TOK`, `BIND`, `DOWN`
 */
export async function verifyGateway(
  gatewayIssuer: Issuer<unknown>,
  credentials: Credentials,
  context: Context,
  header = 'authorization',
): Promise<VerifiedGateway> {
  const credential = credentials.token(header)
  if (credential === undefined) {
    throw new IdentityError('MISSING', { reason: 'gateway_missing', failure: { header } })
  }
  const token = await verifyBy(gatewayIssuer, credential, context).catch(hideScopes)
  // A user's token where the gateway's belongs: the two are swapped.
  if (token.kind !== 'service') {
    throw broken('binding_roles_swapped', { header, ...named(gatewayIssuer) })
  }
  return { token, gateway: { issuer: token.issuer, client: token.client ?? token.subject } }
}

/** The user cannot consent to a scope that the gateway's own token lacks. */
function hideScopes(error: unknown): never {
  if (isIdentityError(error) && error.code === 'SCOPE') {
    throw new IdentityError('TOK', {
      reason: 'gateway_scope_missing',
      failure: error.failure,
      cause: error,
    })
  }
  throw error
}

/**
 * Requires that an issuer lists the clients that may vouch for users.
 *
 * @throws TypeError
 */
export function requireClients(issuer: Issuer<unknown>, option: string): readonly string[] {
  assertIssuer(issuer, option)
  if (issuer.clients !== undefined) return issuer.clients
  throw new TypeError(`${option} must list its clients: only they may vouch for users`)
}
