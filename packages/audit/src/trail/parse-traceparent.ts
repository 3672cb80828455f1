import type { AuditTrace } from '../event.ts'

// W3C Trace Context, section 3.2: version, trace id, parent id and flags. All zeros is not an id, ff is
// not a version, and only later versions than 00 may continue after the flags.
const shape =
  /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/

const sampled = 0x01

/** Reads a `traceparent`; `undefined` for what is not well-formed, as the caller may send anything. */
export function parseTraceparent(traceparent: unknown): AuditTrace | undefined {
  if (typeof traceparent !== 'string') return undefined
  const [, id, parent, flags] = shape.exec(traceparent) ?? []
  if (id === undefined || parent === undefined || flags === undefined) return undefined
  return { id, parent, sampled: (Number.parseInt(flags, 16) & sampled) !== 0 }
}
