import { headerName } from '@onbehalf/core/internal'
import { InterceptorRefusal } from '../refusal.ts'

const maxNameLength = 100
/** Headers that AgentCore Gateway does not accept in an allow-list. */
const restricted =
  /^(?:authorization|accept|access-control-|content-|cross-origin-|proxy-|set-cookie|x-amzn?-(?!bedrock-agentcore-runtime-custom-))|^(?:cache-control|connection|cookie|date|etag|from|host|location|mcp-session-id|origin|permissions-policy|range|referer|referrer-policy|server|strict-transport-security|te|transfer-encoding|upgrade|user-agent|www-authenticate|x-content-type-options|x-frame-options|x-xss-protection)$/

/**
 * Normalizes the name of a header for targets. A target gets it only if it is in its
 * `metadataConfiguration.allowedRequestHeaders`.
 *
 * @throws TypeError when AgentCore Gateway would not accept it there
 */
export function writtenHeader(name: string, option: string): string {
  const lower = headerName(name, option)
  if (lower.length > maxNameLength) {
    throw new TypeError(`${option} must have at most ${maxNameLength} characters`)
  }
  if (restricted.test(lower))
    throw new TypeError(`${option}: "${lower}" is not passed on to targets`)
  return lower
}

/** A size that an option limits. */
export function toMaxBytes(value = 4096): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new TypeError('maxValueBytes must be a positive integer')
}

/**
 * Checks the value of a header: visible ASCII and spaces, so that nothing else can begin in it, and no
 * space at an edge, which HTTP would drop (RFC 9110 section 5.5).
 *
 * @throws InterceptorRefusal naming the header in `detail`
 */
export function fit(value: string, maxBytes: number, header: string): string {
  if (!/^[\x20-\x7e]*$/.test(value) || /^ | $/.test(value)) {
    throw new InterceptorRefusal('value_unfit', header)
  }
  if (value.length > maxBytes) throw new InterceptorRefusal('value_too_large', header)
  return value
}
