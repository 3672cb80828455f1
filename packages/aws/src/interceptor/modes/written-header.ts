import { InterceptorRefusal } from '../refusal.ts'

const maxNameLength = 100
const headerName = /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/
/** What AgentCore Gateway takes in no allow-list. */
const restricted =
  /^(?:authorization|accept|access-control-|content-|cross-origin-|proxy-|set-cookie|x-amzn?-(?!bedrock-agentcore-runtime-custom-))|^(?:cache-control|connection|cookie|date|etag|from|host|location|mcp-session-id|origin|permissions-policy|range|referer|referrer-policy|server|strict-transport-security|te|transfer-encoding|upgrade|user-agent|www-authenticate|x-content-type-options|x-frame-options|x-xss-protection)$/

/**
 * Normalizes the name of a header that targets are to get. They get it only when it stands in their
 * `metadataConfiguration.allowedRequestHeaders`.
 *
 * @throws TypeError when AgentCore Gateway would not take it there
 */
export function writtenHeader(name: string, option: string): string {
  if (typeof name !== 'string' || !headerName.test(name) || name.length > maxNameLength) {
    throw new TypeError(`${option} is no header name`)
  }
  const lower = name.toLowerCase()
  if (restricted.test(lower)) throw new TypeError(`${option}: "${lower}" reaches no target`)
  return lower
}

/** A size that an option limits. */
export function toMaxBytes(value = 4096): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new TypeError('maxValueBytes must be a positive integer')
}

/**
 * Checks what is to stand in a header: visible ASCII and spaces, so that nothing else can begin in it.
 *
 * @throws InterceptorRefusal
 */
export function fit(value: string, maxBytes: number): string {
  if (!/^[\x20-\x7e]*$/.test(value)) throw new InterceptorRefusal('value_unfit')
  if (value.length > maxBytes) throw new InterceptorRefusal('value_too_large')
  return value
}
