import { assertOptions } from '@onbehalf/core/internal'
import type { TargetMode } from './target-mode.ts'
import { fit, toMaxBytes, writtenHeader } from './written-header.ts'

/** Options of {@link forwardInboundToken}. */
export interface ForwardInboundTokenOptions {
  /** For example `x-user-token`: what the server's source `forwarded` reads. */
  readonly header: string
  /**
   * Longest token, in bytes. Default 4096: AgentCore Runtime drops longer values, and the call would
   * arrive without its user.
   */
  readonly maxValueBytes?: number
}

/**
 * Writes the verified token of the caller into a header. The target has to allow-list that header.
 *
 * @throws TypeError naming the option that is missing or wrong
 */
export function forwardInboundToken(options: ForwardInboundTokenOptions): TargetMode {
  assertOptions('forwardInboundToken', options, { header: true, maxValueBytes: true })
  const header = writtenHeader(options.header, 'header')
  const maxBytes = toMaxBytes(options.maxValueBytes)
  return Object.freeze<TargetMode>({
    writes: [header],
    write: async ({ token }) => ({ [header]: fit(token, maxBytes, header) }),
  })
}
