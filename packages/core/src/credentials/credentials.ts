import { withFailure } from '../errors.ts'
import { textDigest, textDigestNow } from '../internal/digest.ts'
import type { Awaitable } from '../internal/promises.ts'
import {
  assertTokenLength,
  looksLikeJwt,
  type ParsedToken,
  type ParseOptions,
  parseToken,
} from '../token/parse-token.ts'
import {
  type CredentialHeaders,
  type CredentialRequest,
  malformed,
  readHeaders,
} from './header-lines.ts'

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

// RFC 6750 section 2.1. A tab is not a space.
const ownScheme = /^(?:Bearer|DPoP)(?:\s|$)/i
const authorization = /^(Bearer|DPoP) +([A-Za-z0-9._~+/-]+=*)$/i
// Some gateways rename `Authorization`, scheme included.
const sideToken = /^(?:(Bearer) +)?([A-Za-z0-9._~+/-]+=*)$/i

/** A token as it arrived, in the shape of its header. */
export class PresentedToken {
  readonly header: string
  readonly scheme: 'bearer' | 'dpop'
  readonly text: string
  #digest: string | undefined

  constructor(header: string, scheme: 'bearer' | 'dpop', text: string) {
    this.header = header
    this.scheme = scheme
    this.text = text
  }

  /** SHA-256 of the text, base64url; undefined where the runtime makes one by waiting only. */
  digestNow(): string | undefined {
    this.#digest ??= textDigestNow(this.text)
    return this.#digest
  }

  digest(): Awaitable<string> {
    return this.digestNow() ?? textDigest(this.text)
  }
}

/** What a request presents, before any token is parsed. */
export interface Presented {
  /** All headers that are read, by name, with their values as sent. */
  readonly values: ReadonlyMap<string, string>
  /** In the order in which the configured sources read them. */
  readonly tokens: readonly PresentedToken[]
  readonly certificate: Uint8Array | undefined
}

/** Finds a token that was parsed for an earlier request. */
export type FindParsed = (presented: PresentedToken) => ParsedToken | undefined

/**
 * Reads what a request presents: each header at most once, in one spelling, in its exact shape. Headers
 * that no source reads are not looked at.
 *
 * @throws IdentityError `REQ` for ambiguous or malformed headers and for a token in the query,
 *   `TOK` for a token that is too long
 */
export function readPresented(request: CredentialRequest, headers: CredentialHeaders): Presented {
  const values = readHeaders(request, headers)
  const tokens: PresentedToken[] = []
  for (const name of headers.tokens) {
    const value = values.get(name)
    if (value === undefined) continue
    const token = readNamed(name, () => readToken(name, value, headers.parsing.maxBytes))
    if (token === undefined) values.delete(name)
    else tokens.push(token)
  }
  return { values, tokens, certificate: request.certificate }
}

/**
 * SHA-256 of all credentials of a request: two requests have the same one only if they present the same
 * tokens and values, to the byte, in the same headers. Proofs of possession are left out: they differ
 * from request to request.
 */
export function credentialDigest(
  presented: Presented,
  headers: CredentialHeaders,
): Awaitable<string> {
  const { values, tokens } = presented
  const [first] = tokens
  const isAlone = values.size === 1 && first?.header === 'authorization'
  if (isAlone && first.scheme === 'bearer') return first.digest()
  const text = credentialText(presented, headers)
  return textDigestNow(text) ?? textDigest(text)
}

function credentialText({ values, tokens }: Presented, headers: CredentialHeaders): string {
  // With its length before each, no two lists read alike; and no token begins with a bracket.
  let text = '['
  for (const token of tokens) {
    text += `${token.header} ${token.scheme} ${token.text.length} ${token.text}`
  }
  text += ']'
  for (const name of headers.values) {
    const value = values.get(name)
    if (value !== undefined) text += `${name} ${value.length} ${value}`
  }
  return text
}

/**
 * Parses the tokens that a request presents.
 *
 * @throws IdentityError `TOK` for a token that cannot be parsed
 */
export function parseCredentials(
  { values, tokens, certificate }: Presented,
  headers: CredentialHeaders,
  findParsed: FindParsed,
): Credentials {
  const credentials = new Map<string, Credential>()
  const present = new Set<string>()
  for (const presented of tokens) {
    const { header, scheme, text } = presented
    const parsed = () => findParsed(presented) ?? parse(text, headers.opaque, headers.parsing)
    const token = readNamed(header, parsed)
    credentials.set(header, { header, scheme, text, token, hash: () => presented.digest() })
    present.add(header)
  }
  for (const name of headers.values) if (values.has(name)) present.add(name)
  return {
    present,
    certificate,
    token: (name) => credentials.get(name),
    value: (name) => values.get(name),
  }
}

function readNamed<T>(header: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw withFailure(error, { header })
  }
}

// What gateways leave in place of a value that they do not have: `${token}`, `{{token}}`, `$context.token`.
const placeholder = /\$\{|\{\{|^(?:Bearer +)?\$[a-z]/i

function readToken(header: string, value: string, maxBytes: number): PresentedToken | undefined {
  const isAuthorization = header === 'authorization'
  const match = (isAuthorization ? authorization : sideToken).exec(value)
  const text = match?.[2]
  if (text === undefined) {
    if (isAuthorization && (hasNoToken(value) || isOtherScheme(value))) return undefined
    throw malformed(placeholder.test(value) ? 'header_unfilled' : 'header_shape')
  }
  assertTokenLength(text, maxBytes)
  const scheme = match?.[1]?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer'
  return new PresentedToken(header, scheme, text)
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
