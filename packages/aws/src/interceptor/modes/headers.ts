import type { Identity } from '@onbehalf/core'
import { InterceptorRefusal } from '../refusal.ts'
import type { TargetMode } from './target-mode.ts'
import { fit, toMaxBytes, writtenHeader } from './written-header.ts'

/** Reads from an identity what a header is to say; a list is joined by commas. */
export type HeaderReader = (person: Identity) => string | readonly string[] | undefined

/** Options of {@link headers}. */
export interface HeadersOptions {
  /** Longest value, in bytes. Default 4096. */
  readonly maxValueBytes?: number
}

/**
 * Writes facts about the caller into headers, each on every call: where the identity does not say,
 * the header is empty. The target has to allow-list them all, and to read them with `plainHeaders`, which
 * asks for proof that the gateway sent them.
 *
 * @throws TypeError naming what is no header or no function
 */
export function headers(
  readers: Readonly<Record<string, HeaderReader>>,
  options: HeadersOptions = {},
): TargetMode {
  const maxBytes = toMaxBytes(options.maxValueBytes)
  const entries = Object.entries(readers).map(([name, read]) => {
    if (typeof read !== 'function') throw new TypeError(`headers: "${name}" needs a function`)
    return [writtenHeader(name, 'headers'), read] as const
  })
  const writes = entries.map(([name]) => name)
  if (writes.length === 0) throw new TypeError('headers must name at least one')
  if (new Set(writes).size < writes.length) throw new TypeError('headers must be different ones')
  return Object.freeze<TargetMode>({
    writes,
    write: async ({ person }) =>
      Object.fromEntries(
        entries.map(([name, read]) => [name, fit(toText(read(person)), maxBytes)]),
      ),
  })
}

function toText(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return value
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new InterceptorRefusal('value_unfit')
  }
  // A server would read two names where there is one.
  if (value.some((item) => /[\s,]/.test(item))) throw new InterceptorRefusal('value_unfit')
  return value.join(',')
}
