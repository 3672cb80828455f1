import type { Identity } from '../identity.ts'
import { allow, deny, type Guard } from './guard.ts'

/** An identity behind which a person stands. */
export type UserIdentity = Identity & { readonly kind: 'user' }

/** Allows persons; a machine without a person behind it is denied. */
export function user(): Guard<UserIdentity> {
  return Object.freeze({
    name: 'user',
    decide: (identity: Identity) =>
      identity.kind === 'user' ? allow : deny('user', 'user_required'),
  })
}
