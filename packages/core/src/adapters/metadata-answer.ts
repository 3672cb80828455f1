import type { Authenticator } from '../authenticator/authenticator.ts'
import { metadataOf, type ProtectedResourceMetadata } from '../refusal/metadata.ts'

/** What publishes the metadata needs to know of an authenticator. */
export type MetadataPublisher = Pick<
  Authenticator<unknown>,
  'metadata' | 'resourceMetadataUrl' | 'resourceOf'
>

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
 * `undefined` for any other. Both paths are exact. Several resources are published at their own paths
 * alone: the root says of none which one a client means.
 */
export function answerMetadata(
  method: string | undefined,
  path: string,
  publisher: MetadataPublisher,
): Answer | undefined {
  const metadata = metadataAt(path, publisher)
  if (metadata === undefined) return undefined
  if (method === 'GET' || method === 'HEAD') return found(JSON.stringify(metadata))
  if (method === 'OPTIONS') return preflight
  return { status: 405, headers: { ...everyOrigin, allow: methods }, body: '' }
}

function metadataAt(
  path: string,
  { metadata, resourceMetadataUrl, resourceOf }: MetadataPublisher,
): ProtectedResourceMetadata | undefined {
  if (resourceOf === undefined) {
    return path === rootPath || path === new URL(resourceMetadataUrl).pathname
      ? metadata
      : undefined
  }
  const resource = path.startsWith(`${rootPath}/`)
    ? resourceOf({ url: path.slice(rootPath.length) })
    : undefined
  return resource && metadataOf(metadata, resource)
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
