import type { Context } from '../context.ts'
import type { Issuer } from '../issuer/issuer.ts'

/** Whom to notify of something that is about no request. */
export interface Operator {
  readonly report: Context['report']
  /** Whether anyone sees the events. */
  readonly isObserved: boolean
}

/** `revoke` was called, and other processes will not know. */
export function tellNotShared(operator: Operator): void {
  operator.report({ type: 'revocation_not_shared' })
  warn(operator, 'without a shared `revocations` store, revoke holds in this process only')
}

/** Says of each issuer that is asked over `http`, once: it must not be left on in production. */
export function tellInsecure(issuers: readonly Issuer<unknown>[], operator: Operator): void {
  for (const { issuers: names, insecureHttpHosts: hosts = [] } of issuers) {
    if (hosts.length === 0) continue
    operator.report({ type: 'insecure_http', issuer: names[0] ?? '', hosts })
    warn(operator, `keys or tokens of ${names[0]} travel over http (insecureHttpHosts)`)
  }
}

function warn({ isObserved }: Operator, message: string): void {
  if (isObserved) return
  // oxlint-disable-next-line no-console -- the one log that every web runtime has
  console.warn(`Onbehalf: ${message}`)
}
