import type { AuditEvent, AuditTarget } from '@onbehalf/audit'
import { isUnread, methods } from './methods.ts'
import { type Operation, other } from './operation.ts'

const maxProven = 500
const maxTried = 100

/**
 * Keeps apart the names that a server has and those that callers make up, which would fill every
 * metric. A name is known once a call of it went well; of names that were allowed and never went
 * well, so many that a broken tool is seen and no more.
 */
export class KnownNames {
  readonly #proven = new Set<string>()
  readonly #tried = new Set<string>()

  /** Learns from an event, then writes `_OTHER` for what is not known. */
  tell({ type, method, target, outcome }: AuditEvent): Operation {
    if (target === undefined || target.kind === 'resource') return { method: knownMethod(method) }
    const key = keyOf(target)
    if (type !== 'refusal') this.#learn(key, outcome === 'ok')
    const name = this.#proven.has(key) || this.#tried.has(key) ? target.name : other
    return { method: knownMethod(method), target: { kind: target.kind, name } }
  }

  #learn(key: string, wentWell: boolean): void {
    if (this.#proven.has(key)) return
    if (wentWell && this.#proven.size < maxProven) {
      this.#proven.add(key)
      this.#tried.delete(key)
    } else if (this.#tried.size < maxTried) {
      this.#tried.add(key)
    }
  }
}

function keyOf({ kind, name }: AuditTarget): string {
  return `${kind} ${name}`
}

function knownMethod(method: string): string {
  if (methods.has(method)) return method
  return isUnread(method) ? `HTTP ${other}` : other
}
