import { IdentityError } from '../errors.ts'
import type { RefusalReason } from '../reasons.ts'
import type { ParseOptions } from '../token/parse-token.ts'

/**
 * Names and values. A value that is neither text nor a list of texts (adapters write numbers, `null`
 * and more) matters only if a source reads that header: then the request is refused.
 */
export type HeaderRecord = Readonly<Record<string, unknown>>

/**
 * What a caller presented. A Node `IncomingMessage` (so also an Express request) is one, and so are
 * a web `Request` and `{ headers }` with a plain record.
 */
export interface CredentialRequest {
  /** Web `Headers`, or a plain record as Node, Lambda events and frameworks have it. */
  readonly headers: Headers | HeaderRecord | null | undefined
  /**
   * Names and values as they arrived, alternating. Node sets it. Without it duplicates of a header
   * cannot be seen, and what looks like joined lines is refused in their place.
   */
  readonly rawHeaders?: readonly string[]
  /** HTTP method; DPoP proofs name it. */
  readonly method?: string | undefined
  /** Path and query, or an absolute URL. A token in the query is refused. */
  readonly url?: string | undefined
  /** DER of the client certificate that the TLS layer verified. */
  readonly certificate?: Uint8Array | undefined
  /** Address of the peer of the connection. No source reads it; a limit of failures may. */
  readonly address?: string | undefined
}

/** The headers that sources read, in lower case. */
export interface CredentialHeaders {
  readonly tokens: ReadonlySet<string>
  readonly values: ReadonlySet<string>
  /** Headers that go with a token to prove possession: alone they are not a credential. */
  readonly proofs: ReadonlySet<string>
  /** Whether a token may be anything else than a JWT. */
  readonly opaque: boolean
  /** What the most lenient issuer lets through; each issuer judges its own tokens. */
  readonly parsing: Required<ParseOptions>
}

// Two lines of a header that were joined: no token has a comma in it, and web `Headers` join by a
// comma and a space, which is gone at an edge.
const webJoin = /^,|, |,$/

/**
 * The values of the headers that sources read: each header at most once, in one spelling. Others are
 * not looked at.
 *
 * @throws IdentityError `REQ` for ambiguous headers and for a token in the query, `TOK` for two DPoP
 *   proofs
 */
export function readHeaders(
  request: CredentialRequest,
  headers: CredentialHeaders,
): Map<string, string> {
  refuseQueryToken(request.url)
  const found = new Map<string, string>()
  const underscored: string[] = []
  const raw = rawHeadersOf(request)
  const joins = !raw && isHeaders(request.headers)
  const lines = raw ?? linesIn(request.headers, headers) ?? linesOf(request)
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const spelling = lines[at]
    if (typeof spelling !== 'string') continue
    const isUnderscored = spelling.includes('_')
    // Proxies and CGI-style servers take `X_User` for `X-User`: beside the real one it is an attack,
    // alone it is nothing.
    const name = (isUnderscored ? spelling.replaceAll('_', '-') : spelling).toLowerCase()
    if (!isRead(name, headers)) continue
    if (isUnderscored) {
      underscored.push(name)
      continue
    }
    const value = lines[at + 1]
    if (typeof value !== 'string') throw malformed('header_shape', name)
    const isJoined =
      headers.tokens.has(name) || name === proofHeader
        ? value.includes(',')
        : joins && headers.values.has(name) && webJoin.test(value)
    if (isJoined || found.has(name)) throw duplicate(name)
    found.set(name, value)
  }
  for (const name of underscored) if (found.has(name)) throw malformed('two_spellings', name)
  return found
}

function isRead(name: string, { tokens, values, proofs }: CredentialHeaders): boolean {
  return tokens.has(name) || values.has(name) || proofs.has(name)
}

/** The first line of a header that is not a credential, as it arrived. */
export function readHeader(request: CredentialRequest, header: string): string | undefined {
  const lines = rawHeadersOf(request) ?? linesOf(request)
  const at = lines.findIndex(
    (text, place) => place % 2 === 0 && typeof text === 'string' && text.toLowerCase() === header,
  )
  const value = at < 0 ? undefined : lines[at + 1]
  return typeof value === 'string' ? value : undefined
}

const spellings = new WeakMap<CredentialHeaders, readonly string[] | undefined>()
// A name with more hyphens has too many spellings to ask for each.
const mostHyphens = 3

/** The lines of web `Headers` that are read, in any spelling: walking all of them would sort them first. */
function linesIn(
  headers: CredentialRequest['headers'],
  read: CredentialHeaders,
): readonly unknown[] | undefined {
  if (!(headers instanceof Headers)) return undefined
  if (!spellings.has(read)) spellings.set(read, spellingsOf(read))
  return spellings.get(read)?.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [name, value]
  })
}

function spellingsOf({ tokens, values, proofs }: CredentialHeaders): readonly string[] | undefined {
  const names = [...new Set([...tokens, ...values, ...proofs])].map((name) => name.split('-'))
  if (names.some((parts) => parts.length > mostHyphens + 1)) return undefined
  return names.flatMap(([first = '', ...rest]) =>
    rest.reduce(
      (made, part) => made.flatMap((text) => [`${text}-${part}`, `${text}_${part}`]),
      [first],
    ),
  )
}

/** Header lines as they arrived, where something still has them. Some adapters leave the list empty. */
function rawHeadersOf({ rawHeaders }: CredentialRequest): readonly unknown[] | undefined {
  return Array.isArray(rawHeaders) && rawHeaders.length > 0 ? rawHeaders : undefined
}

/** Names and values, alternating, where nothing has the header lines as they arrived. */
function linesOf({ headers }: CredentialRequest): readonly unknown[] {
  // Events of a Lambda function without a header have `null` here.
  if (headers === null || headers === undefined) return []
  const lines: unknown[] = []
  const entries: Iterable<[string, unknown]> = isHeaders(headers)
    ? headers
    : Object.entries(headers)
  for (const [name, value] of entries) {
    if (Array.isArray(value)) lines.push(...value.flatMap((line) => [name, line]))
    else if (value !== undefined && value !== null) lines.push(name, value)
  }
  return lines
}

// Not `instanceof`: a runtime may hold more than one `Headers` class.
function isHeaders(headers: CredentialRequest['headers']): headers is Headers {
  return typeof headers === 'object' && headers !== null && Symbol.iterator in headers
}

function refuseQueryToken(given: unknown): void {
  // Whatever its type says: mocks and adapters hand on a `URL`.
  const url = typeof given === 'string' || given instanceof URL ? String(given) : ''
  const query = url.indexOf('?')
  // RFC 6750 section 2.3 and MCP: a token must not be in the URI.
  if (query >= 0 && new URLSearchParams(url.slice(query)).has('access_token')) {
    throw malformed('token_in_query')
  }
}

const proofHeader = 'dpop'

// RFC 9449 section 4.3: a second proof makes the first invalid. A client answers that with a new one.
function duplicate(header: string): IdentityError {
  if (header !== proofHeader) return malformed('duplicate_header', header)
  const dpopError = 'invalid_dpop_proof'
  return new IdentityError('TOK', { reason: 'dpop_duplicate', dpopError, failure: { header } })
}

/** The refusal of a request whose headers cannot be read in one way. */
export function malformed(reason: RefusalReason, header?: string): IdentityError {
  return new IdentityError('REQ', { reason, ...(header !== undefined && { failure: { header } }) })
}
