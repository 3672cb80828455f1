import { AsyncLocalStorage } from 'node:async_hooks'
import type { Identity } from '@onbehalf/core'
import { followWith } from './ambient/follow.ts'

const identities = new AsyncLocalStorage<Identity | undefined>()

followWith((identity, work) => identities.run(identity(), work))

/**
 * The identity of the call being served, from anywhere below its handler: no context to pass
 * through. Undefined outside a call, and for a caller without a valid identity.
 *
 * Available inside guarded handlers on any server, and everywhere below a server that `protect`
 * watches. A convenience for logs and data access: guards never read it. Work that outlives the
 * call, such as a timer or a queue, keeps the identity of the call that started it.
 *
 * It uses `AsyncLocalStorage`, which costs a call about a tenth of its time before Node.js 24: hence
 * a separate entry, and nothing for servers that do not import it.
 */
export function currentIdentity(): Identity | undefined {
  return identities.getStore()
}
