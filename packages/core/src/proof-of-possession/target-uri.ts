// Only what RFC 3986 allows in a URI: the URL parser would repair a backslash, a tab or a missing slash.
const httpUri = /^https?:\/\/[^/\\\s@][!-[\]-~]*$/i
const unreserved = /^[A-Za-z0-9._~-]$/

/**
 * Normalizes the `htu` of a proof for comparison (RFC 9449 section 4.3): syntax-based and
 * scheme-based normalization of RFC 3986 section 6.2, without query and fragment.
 *
 * @returns `undefined` for anything but an `http` or `https` URI without user information
 */
export function normalizeTarget(text: unknown): string | undefined {
  if (typeof text !== 'string' || !httpUri.test(text) || !URL.canParse(text)) return undefined
  const { origin, pathname, username, password } = new URL(text)
  return username === '' && password === '' ? origin + normalizePath(pathname) : undefined
}

/**
 * The URI that a proof has to name. Scheme and host are the operator's, never the request's. The
 * path is the request's where it lies at or below the path of `resource`; any other path was
 * rewritten by a proxy, and then clients know the server by `resource` alone.
 */
export function expectedTarget(resource: string, requestUrl: string | undefined): string {
  const { origin, pathname } = new URL(resource)
  const own = normalizePath(pathname)
  const path = requestUrl === undefined ? undefined : pathOf(requestUrl, origin)
  return origin + (path !== undefined && isBelow(path, own) ? path : own)
}

function pathOf(requestUrl: string, origin: string): string | undefined {
  // Joined as text: resolved against the origin, `//other/path` would lead to another host.
  const text = requestUrl.startsWith('/') ? origin + requestUrl : requestUrl
  return URL.canParse(text) ? normalizePath(new URL(text).pathname) : undefined
}

function isBelow(path: string, own: string): boolean {
  return path === own || path.startsWith(own.endsWith('/') ? own : `${own}/`)
}

/** RFC 3986 section 6.2.2: `%7e`, `%7E` and `~` are the same character. */
function normalizePath(path: string): string {
  return path.replaceAll(/%([0-9A-F]{2})/gi, (escaped, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return unreserved.test(character) ? character : escaped.toUpperCase()
  })
}
