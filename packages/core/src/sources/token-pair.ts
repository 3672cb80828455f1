import type { Context } from '../context.ts'
import type { Credentials } from '../credentials/credentials.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { broken, type VerifiedGateway, verifyGateway } from './gateway-token.ts'

/** Two machine tokens of one gateway: its own, and one that was issued to it for this call. */
export interface TokenPair {
  readonly own: VerifiedGateway
  /** Absent when the gateway sent its own alone. */
  readonly beside: VerifiedGateway | undefined
}

/**
 * Verifies the machine token in `Authorization`, and the one in a header beside it.
 *
 * @throws IdentityError `MISSING`, `TOK`, `DOWN`; `BIND` when they are one token, or of two clients
 */
export async function verifyTokenPair(
  header: string,
  issuer: Issuer<unknown>,
  credentials: Credentials,
  context: Context,
): Promise<TokenPair> {
  const credential = credentials.token(header)
  if (credential !== undefined && credential.text === credentials.token('authorization')?.text) {
    throw broken('binding_same_token')
  }
  const own = await verifyGateway(issuer, credentials, context)
  if (credential === undefined) return { own, beside: undefined }
  const beside = await verifyGateway(issuer, credentials, context, header)
  if (!isOneClient(own, beside)) throw broken('binding_client')
  return { own, beside }
}

/** A client is named by its issuer too: by the very name that is in the token. */
function isOneClient(one: VerifiedGateway, other: VerifiedGateway): boolean {
  const isOneIssuer =
    one.gateway.issuer === other.gateway.issuer &&
    one.token.verified['iss'] === other.token.verified['iss']
  return isOneIssuer && one.gateway.client === other.gateway.client
}
