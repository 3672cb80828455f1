import { createHmac, createSecretKey } from 'node:crypto'
import type { AuditPrincipal } from '@onbehalf/audit'
import type { Attributes } from '@opentelemetry/api'

/** The attribute that names the user behind a call. */
export type NameUser = (user: AuditPrincipal) => Attributes

/** Names users by their subject; unique together with the issuer only. */
export const namePlainly: NameUser = ({ subject }) => ({ 'enduser.id': subject })

/**
 * Names users so that only who holds the key can tell who they are.
 *
 * @throws TypeError when the key is shorter than the hash
 */
export function createPseudonyms(key: Uint8Array): NameUser {
  if (!(key instanceof Uint8Array) || key.byteLength < 32) {
    throw new TypeError('identity.pseudonymKey must have at least 32 bytes')
  }
  const secret = createSecretKey(key)
  return ({ issuer, subject }) => {
    // As JSON, no two pairs are the same text.
    const user = JSON.stringify([issuer, subject])
    const pseudonym = createHmac('sha256', secret).update(user).digest('base64url')
    return { 'enduser.pseudo.id': pseudonym }
  }
}
