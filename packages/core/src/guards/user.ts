import type { Identity } from '../identity.ts'
import { allow, deny, type Guard } from './guard.ts'

/** The identity of a user. */
export type UserIdentity = Identity & { readonly kind: 'user' }

/** Allows users and denies services. */
export function user(): Guard<UserIdentity> {
  return Object.freeze({
    name: 'user',
    decide: (identity: Identity) =>
      identity.kind === 'user' ? allow : deny('user', 'user_required'),
  })
}
