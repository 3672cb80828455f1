import type { Identity } from '@onbehalf/core'
import { identities } from './channels.ts'

let isTracked = false

/** A server of this process has asked for {@link currentIdentity}. */
export function trackIdentities(): void {
  isTracked = true
}

/**
 * The identity of the call being served, from anywhere below its handler: no context to pass
 * through. Undefined outside a call, and for a caller without a valid identity.
 *
 * It works below servers with `trackIdentity: true`. A convenience for logs and data access: guards
 * never read it. Work that outlives the call, such as a timer or a queue, keeps the identity of the
 * call that started it.
 *
 * It uses `AsyncLocalStorage`, which costs a call about a tenth of its time before Node.js 24.
 *
 * @throws TypeError when no server of this process has `trackIdentity: true`
 *
 * @example
 * ```ts
 * const subject = () => currentIdentity()?.subject ?? 'a guest'
 * ```
 */
export function currentIdentity(): Identity | undefined {
  if (!isTracked) throw new TypeError('currentIdentity() needs a server with trackIdentity: true')
  return identities.getStore()
}
