import { IdentityError, withFailure } from '../errors.ts'
import { textDigest, textDigestNow } from '../internal/digest.ts'
import type { KnownTokens } from '../token/known-tokens.ts'
import {
  assertTokenLength,
  looksLikeJwt,
  type ParsedToken,
  type ParseOptions,
  parseToken,
} from '../token/parse-token.ts'

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
}

/** A token together with the header it came in. */
export interface Credential {
  readonly header: string
  readonly scheme: 'bearer' | 'dpop'
  readonly text: string
  /** SHA-256 of the text, base64url: replaces it where the text itself must not be. */
  hash(): string | Promise<string>
  /** Absent for a token of any other form, where an issuer of opaque tokens is configured. */
  readonly token: ParsedToken | undefined
}

/** The headers that the configured sources read, strictly parsed. */
export interface Credentials {
  /** Names of the headers that sources read and that are present. */
  readonly present: ReadonlySet<string>
  readonly certificate: Uint8Array | undefined
  token(header: string): Credential | undefined
  /** A header's value as sent; `''` when it is present and empty. */
  value(header: string): string | undefined
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

// RFC 6750 section 2.1. A tab is not a space.
const ownScheme = /^(?:Bearer|DPoP)(?:\s|$)/i
const authorization = /^(Bearer|DPoP) +([A-Za-z0-9._~+/-]+=*)$/i
// Some gateways rename `Authorization`, scheme included.
const sideToken = /^(?:(Bearer) +)?([A-Za-z0-9._~+/-]+=*)$/i

/**
 * Reads the credentials of a request: each header at most once, in one spelling, in its exact shape.
 * Headers that no source reads are not looked at.
 *
 * @throws IdentityError `REQ` for ambiguous or malformed headers and for a token in the query,
 *   `TOK` for a token that cannot be parsed
 */
export function readCredentials(
  request: CredentialRequest,
  headers: CredentialHeaders,
  known: KnownTokens,
): Credentials {
  refuseQueryToken(request.url)
  const values = collect(request, headers)
  const tokens = new Map<string, Credential>()
  const reading = { known, opaque: headers.opaque, parsing: headers.parsing }
  for (const name of headers.tokens) {
    const value = values.get(name)
    const credential = value === undefined ? undefined : readNamed(name, value, reading)
    if (credential !== undefined) tokens.set(name, credential)
    else values.delete(name)
  }
  return {
    present: new Set(
      [...values.keys()].filter((name) => headers.tokens.has(name) || headers.values.has(name)),
    ),
    certificate: request.certificate,
    token: (name) => tokens.get(name),
    value: (name) => values.get(name),
  }
}

function collect(request: CredentialRequest, headers: CredentialHeaders): Map<string, string> {
  const found = new Map<string, string>()
  const underscored: string[] = []
  const raw = rawHeadersOf(request)
  const joins = !raw && isHeaders(request.headers)
  const lines = raw ?? linesOf(request)
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
    // Two lines of a header that were joined: no token has a comma in it, and a comma with a space
    // is how web `Headers` join.
    const mark = headers.tokens.has(name) ? ',' : ', '
    const mayJoin = headers.tokens.has(name) || (joins && headers.values.has(name))
    const joined = mayJoin && value.includes(mark)
    if (joined || found.has(name)) throw malformed('duplicate_header', name)
    found.set(name, value)
  }
  for (const name of underscored) if (found.has(name)) throw malformed('two_spellings', name)
  return found
}

function isRead(name: string, { tokens, values, proofs }: CredentialHeaders): boolean {
  return tokens.has(name) || values.has(name) || proofs.has(name)
}

/** Header lines as they arrived, where something still has them. Some adapters leave the list empty. */
function rawHeadersOf({ rawHeaders }: CredentialRequest): readonly unknown[] | undefined {
  return Array.isArray(rawHeaders) && rawHeaders.length > 0 ? rawHeaders : undefined
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

/** Names and values, alternating, where nothing has the header lines as they arrived. */
function linesOf({ headers }: CredentialRequest): readonly unknown[] {
  // Events of a Lambda function without a header have `null` here.
  if (headers === null || headers === undefined) return []
  const entries: [string, unknown][] = isHeaders(headers) ? [...headers] : Object.entries(headers)
  return entries.flatMap(([name, value]) => valuesOf(value).flatMap((line) => [name, line]))
}

function valuesOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

// Not `instanceof`: a runtime may hold more than one `Headers` class.
function isHeaders(headers: CredentialRequest['headers']): headers is Headers {
  return typeof headers === 'object' && headers !== null && Symbol.iterator in headers
}

interface Reading extends Pick<CredentialHeaders, 'opaque' | 'parsing'> {
  readonly known: KnownTokens
}

function readNamed(header: string, value: string, reading: Reading): Credential | undefined {
  try {
    return readToken(header, value, reading)
  } catch (error) {
    throw withFailure(error, { header })
  }
}

function readToken(
  header: string,
  value: string,
  { known, opaque, parsing }: Reading,
): Credential | undefined {
  const isAuthorization = header === 'authorization'
  if (isAuthorization && (hasNoToken(value) || isOtherScheme(value))) return undefined
  const match = (isAuthorization ? authorization : sideToken).exec(value)
  const text = match?.[2]
  if (text === undefined) throw malformed('header_shape')
  const scheme = match?.[1]?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer'
  assertTokenLength(text, parsing.maxBytes)
  const hash = textDigestNow(text)
  const token = (hash && known.find(hash, text)) || parse(text, opaque, parsing)
  return { header, scheme, text, hash: () => hash ?? textDigest(text), token }
}

function parse(text: string, opaque: boolean, parsing: ParseOptions): ParsedToken | undefined {
  try {
    return parseToken(text, parsing)
  } catch (error) {
    // A JWT that breaks a rule is refused: nobody else is asked whether it might do.
    if (opaque && !looksLikeJwt(text)) return undefined
    throw error
  }
}

/** Clients send a scheme without a token before they have one: they sign in on a 401 only. */
function hasNoToken(value: string): boolean {
  return /^(?:(?:Bearer|DPoP)[ \t]*)?$/i.test(value)
}

/** Whether a header is for an authentication scheme that is not ours, with or without parameters. */
function isOtherScheme(value: string): boolean {
  return !ownScheme.test(value) && /^[A-Za-z][A-Za-z0-9-]*(?: |$)/.test(value)
}

function refuseQueryToken(url: string | undefined): void {
  const query = url?.indexOf('?') ?? -1
  if (url === undefined || query < 0) return
  // RFC 6750 section 2.3 and MCP: a token must not be in the URI.
  if (new URLSearchParams(url.slice(query)).has('access_token')) throw malformed('token_in_query')
}

function malformed(reason: string, header?: string): IdentityError {
  return new IdentityError('REQ', { reason, ...(header !== undefined && { failure: { header } }) })
}
