import { isIdentityError } from '@onbehalf/core'
import type { Reply } from '../wire/json-rpc.ts'

// What gates answer to requests that break the rules of a connection.

export const inUse: Reply = { error: { code: -32_600, message: 'Request id already in use' } }
export const busy: Reply = { error: { code: 31_429, message: 'Too many requests in flight' } }
export const noSession: Reply = { error: { code: -32_001, message: 'Session not found' } }
const failed: Reply = { error: { code: -32_603, message: 'Internal error' } }

/** The answer to a failure. The text of an `IdentityError` is fixed and may be shown; no other's is. */
export function replyTo(error: unknown): Reply {
  if (!isIdentityError(error)) return failed
  return { error: { code: 31_000 + error.status, message: error.message } }
}
