import { type Identity, isIdentityError, type Revocable } from '@onbehalf/core'
import { isRecord, type SubjectCredential, type SubjectTokens } from '@onbehalf/core/internal'
import { identityOf } from '@onbehalf/mcp'
import type { Grant } from './grants/grant.ts'
import { GrantFault } from './oauth/fault.ts'

/**
 * On whose behalf an API is called: the context of a handler (`extra` in SDK v1, `ctx` in v2), or an
 * identity, for routes outside MCP.
 */
export type Caller = object

/** A caller for whom tokens may be obtained. */
export interface VerifiedCaller extends SubjectCredential {
  readonly identity: Identity<unknown>
}

/** The identity of a caller, before anything is known about it. */
export function identityOfCaller(caller: Caller): Identity<unknown> | undefined {
  if (isRecord(caller) && 'principal' in caller) return caller as unknown as Identity<unknown>
  return identityOf(caller)
}

/**
 * Verifies that an API may be called for this identity now: it was made by this server's
 * authenticator for a request of this very user, and has neither expired nor been revoked.
 *
 * @throws GrantFault `SUBJECT`, `DOWN`
 */
export async function verifyCaller(
  identity: Identity<unknown> | undefined,
  grant: Grant,
  subjectTokens: SubjectTokens,
): Promise<VerifiedCaller> {
  if (identity === undefined) throw nobody('no_identity')
  const credential = subjectTokens.of(identity)
  if (credential === undefined) throw nobody('identity_unknown')
  // For a service that calls in a user's place nobody gave consent.
  if (grant.actsFor === 'subject' && identity.kind !== 'user') throw nobody('not_a_user')
  if (!(subjectTokens.now() < identity.expiresAt)) throw nobody('identity_expired')
  if (grant.needsSubjectToken && credential.token === undefined) throw nobody('no_subject_token')
  await checkRevoked(credential.revocable, subjectTokens)
  return { identity, ...credential }
}

/** @throws GrantFault `SUBJECT` when it was revoked, `DOWN` when that cannot be known */
export async function checkRevoked(
  revocable: Revocable,
  subjectTokens: SubjectTokens,
): Promise<void> {
  try {
    await subjectTokens.checkRevoked(revocable)
  } catch (thrown) {
    const isRevoked = isIdentityError(thrown) && thrown.code === 'TOK'
    throw isRevoked ? nobody('revoked') : new GrantFault('DOWN', { reason: 'revocation_unknown' })
  }
}

function nobody(reason: string): GrantFault {
  return new GrantFault('SUBJECT', { reason })
}
