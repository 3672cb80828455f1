import type { IncomingHttpHeaders } from 'node:http'

/** Headers of the Streamable HTTP transport, and of the representation it carries. */
const PROTOCOL: ReadonlySet<string> = new Set([
  'accept',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
])

const ANSWER: ReadonlySet<string> = new Set([
  'cache-control',
  'content-encoding',
  'content-type',
  'mcp-protocol-version',
  'mcp-session-id',
  'retry-after',
])

/**
 * Names that AgentCore Gateway takes in no allow-list, and the remaining ones of RFC 9110 section 7.6.1,
 * which belong to a connection.
 */
const RESTRICTED: ReadonlySet<string> = new Set([
  'cache-control',
  'connection',
  'cookie',
  'date',
  'etag',
  'from',
  'host',
  'keep-alive',
  'location',
  'mcp-session-id',
  'origin',
  'permissions-policy',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'referer',
  'referrer-policy',
  'server',
  'set-cookie',
  'strict-transport-security',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'www-authenticate',
  'x-content-type-options',
  'x-frame-options',
  'x-xss-protection',
])
const RESTRICTED_PREFIXES = [
  'accept',
  'access-control-',
  'authorization',
  'content-',
  'cross-origin-',
]

const MAX_ALLOWED = 10
const MAX_NAME_LENGTH = 100
const headerName = /^[0-9A-Za-z!#$%&'*+.^_`|~-]+$/

/**
 * Reads `metadataConfiguration.allowedRequestHeaders`.
 *
 * @throws TypeError for what AgentCore Gateway would refuse.
 */
export function toAllowedHeaders(names: readonly string[] | undefined): ReadonlySet<string> {
  if (names === undefined) return new Set()
  if (names.length === 0 || names.length > MAX_ALLOWED) {
    throw new TypeError(`"allowedRequestHeaders" takes 1 to ${MAX_ALLOWED} names`)
  }
  return new Set(names.map(toAllowedHeader))
}

function toAllowedHeader(name: string): string {
  const lower = name.toLowerCase()
  if (!headerName.test(name) || name.length > MAX_NAME_LENGTH) {
    throw new TypeError('"allowedRequestHeaders" has something that is not a header name')
  }
  if (RESTRICTED.has(lower) || RESTRICTED_PREFIXES.some((prefix) => lower.startsWith(prefix))) {
    throw new TypeError(`"allowedRequestHeaders" cannot have "${lower}"`)
  }
  return lower
}

/** What of a caller's headers reaches the target. */
export function pickRequestHeaders(
  headers: IncomingHttpHeaders,
  allowed: ReadonlySet<string>,
): Record<string, string> {
  return pick(
    headers,
    (name) => PROTOCOL.has(name) || name.startsWith('mcp-param-') || allowed.has(name),
  )
}

/**
 * What of a target's headers reaches the caller. A target's `WWW-Authenticate` does not: it challenges
 * the gateway, with the target's metadata.
 */
export function pickResponseHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return pick(headers, (name) => ANSWER.has(name))
}

function pick(
  headers: IncomingHttpHeaders,
  isPicked: (name: string) => boolean,
): Record<string, string> {
  const picked = Object.entries(headers).flatMap(([name, value]) =>
    value !== undefined && isPicked(name) ? [[name, [value].flat().join(', ')] as const] : [],
  )
  return Object.fromEntries(picked)
}
