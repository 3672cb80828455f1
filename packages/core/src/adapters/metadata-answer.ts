import type { Authenticator } from '../authenticator/authenticator.ts'

/** What publishes the metadata needs to know of an authenticator. */
export type MetadataPublisher = Pick<Authenticator<unknown>, 'metadata' | 'resourceMetadataUrl'>

/** A complete HTTP answer. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Empty for an answer without one. The server drops it for HEAD. */
  readonly body: string
}

const methods = 'GET, HEAD, OPTIONS'
const maxAgeSeconds = 3600
const preflightMaxAgeSeconds = 86_400
// Public by nature: any web client may read it (RFC 9728 section 3.1).
const everyOrigin = { 'access-control-allow-origin': '*' }

// Clients that do not know the form with a path look here, and MCP has the others fall back to it.
const rootPath = '/.well-known/oauth-protected-resource'

/**
 * Answers a request for the metadata (RFC 9728), at the path of its URL or at the root of the host;
 * `undefined` for any other. Both paths are exact.
 */
export function answerMetadata(
  method: string | undefined,
  path: string,
  { metadata, resourceMetadataUrl }: MetadataPublisher,
): Answer | undefined {
  if (path !== rootPath && path !== new URL(resourceMetadataUrl).pathname) return undefined
  if (method === 'GET' || method === 'HEAD') return found(JSON.stringify(metadata))
  if (method === 'OPTIONS') return preflight
  return { status: 405, headers: { ...everyOrigin, allow: methods }, body: '' }
}

function found(body: string): Answer {
  const headers = {
    ...everyOrigin,
    'content-type': 'application/json',
    // Stated, so that an answer to HEAD has it too.
    'content-length': String(new TextEncoder().encode(body).length),
    'cache-control': `public, max-age=${maxAgeSeconds}`,
  }
  return { status: 200, headers, body }
}

const preflight: Answer = {
  status: 204,
  headers: {
    ...everyOrigin,
    allow: methods,
    'access-control-allow-methods': methods,
    // MCP clients send MCP-Protocol-Version along.
    'access-control-allow-headers': '*',
    'access-control-max-age': String(preflightMaxAgeSeconds),
  },
  body: '',
}
