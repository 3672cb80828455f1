import { bytesOf, isLeftOut, namesOf, readMember, toJson } from './encode-value.ts'
import { type Redaction, redactionOf } from './redaction.ts'

/** A copy that JSON can say, and whether something had to be left out of it. */
export interface BoundedCopy {
  readonly value: unknown
  readonly truncated: boolean
}

const maxDepth = 16

/**
 * Copies a value for the record: redacted, at most about `maxLength` characters of JSON and 16
 * levels deep. What does not fit is replaced by a word in brackets that says what was there.
 */
export function boundedCopy(
  value: unknown,
  rules: readonly Redaction[],
  maxLength: number,
): BoundedCopy {
  const copier = new Copier(maxLength)
  const copy = copier.copy(value, rules, 0)
  return { value: copy, truncated: copier.truncated }
}

class Copier {
  truncated = false
  #left: number

  constructor(maxLength: number) {
    this.#left = maxLength
  }

  copy(item: unknown, rules: readonly Redaction[], depth: number): unknown {
    if (rules.some(({ redact }) => redact)) return '[Redacted]'
    const value = toJson(item)
    if (typeof value === 'string') return this.#text(value)
    if (typeof value === 'bigint') return this.#mark(`[BigInt ${this.#text(String(value))}]`)
    if (typeof value !== 'object' || value === null) return this.#scalar(value)
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return this.#mark(`[Binary ${bytesOf(value).byteLength} bytes]`)
    }
    if (depth >= maxDepth) return this.#mark('[Too deep]')
    return Array.isArray(value)
      ? this.#array(value, rules, depth + 1)
      : this.#object(value, rules, depth + 1)
  }

  #array(value: readonly unknown[], rules: readonly Redaction[], depth: number): unknown[] {
    const copy: unknown[] = []
    for (let at = 0; at < value.length; at++) {
      if (this.#left <= 0) return [...copy, this.#mark(`[${value.length - at} more]`)]
      this.#left -= 1
      const name = String(at)
      copy.push(this.copy(readMember(value, name), redactionOf(rules, name), depth))
    }
    return copy
  }

  #object(value: object, rules: readonly Redaction[], depth: number): Record<string, unknown> {
    // Null prototype: a member may be called `__proto__`.
    const copy = Object.create(null) as Record<string, unknown>
    const names = namesOf(value)
    for (const [at, name] of names.entries()) {
      if (this.#left <= name.length) {
        copy['[Truncated]'] = this.#mark(`[${names.length - at} more]`)
        return copy
      }
      const member = readMember(value, name)
      if (isLeftOut(member)) continue
      this.#left -= name.length + 4
      copy[name] = this.copy(member, redactionOf(rules, name), depth)
    }
    return copy
  }

  #text(text: string): string {
    const kept = Math.max(this.#left, 0)
    this.#left -= text.length + 2
    if (text.length <= kept) return text
    return this.#mark(`${text.slice(0, kept)}[${text.length - kept} more characters]`)
  }

  #scalar(value: unknown): unknown {
    this.#left -= 5
    if (typeof value === 'boolean') return value
    return typeof value === 'number' && Number.isFinite(value) ? value : null
  }

  #mark(text: string): string {
    this.truncated = true
    return text
  }
}
