/** What an API asks for in `WWW-Authenticate` (RFC 6750 section 3, RFC 9470 section 3). */
export interface ApiChallenge {
  readonly error: string | undefined
  readonly scopes: readonly string[]
  readonly acrValues: readonly string[]
  readonly maxAgeSeconds: number | undefined
  /** A claims challenge of Entra, as JSON. */
  readonly claims: string | undefined
}

const maxLength = 8192
// Linear: a name begins where no other character of a name precedes it, and a quotation that nothing
// ends reaches to the end.
const parameter =
  /(?<![a-z_])([a-z_]{1,40})\s{0,8}=\s{0,8}(?:"((?:[^"\\]|\\[^]?)*)(?:"|$)|([^\s",]+))/gi

export function readChallenge({ headers }: Response): ApiChallenge {
  const text = headers.get('www-authenticate') ?? ''
  const found = new Map<string, string>()
  for (const [, name = '', quoted, plain] of text.slice(0, maxLength).matchAll(parameter)) {
    found.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '')
  }
  const maxAge = found.get('max_age') ?? ''
  return {
    error: found.get('error'),
    scopes: words(found.get('scope')),
    acrValues: words(found.get('acr_values')),
    maxAgeSeconds: /^\d{1,9}$/.test(maxAge) ? Number(maxAge) : undefined,
    claims: toClaims(found.get('claims')),
  }
}

function words(text = ''): readonly string[] {
  return text.split(' ').filter((word) => word !== '')
}

/** Base64url of JSON. */
function toClaims(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const json = new TextDecoder().decode(Uint8Array.from(bytes, (it) => it.charCodeAt(0)))
    JSON.parse(json)
    return json
  } catch {
    return undefined
  }
}
