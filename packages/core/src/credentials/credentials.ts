import { withFailure } from '../errors.ts'
import { textDigest, textDigestNow } from '../internal/digest.ts'
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
  const values = readHeaders(request, headers)
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

const maxTokens = 1_000

/** What a token says; its text is a secret, and not kept. */
type Content = Pick<ParsedToken, 'algorithm' | 'keyId' | 'type' | 'hasKeyHeader' | 'claims'>

/**
 * The tokens of accepted requests, parsed, so that the next request with one of them brings the very
 * same claims: an issuer knows by them what it has verified already.
 *
 * A token is found by the SHA-256 of its text, and only by all of it. What was refused is never kept,
 * so that a flood of it displaces nothing; the one that was used longest ago makes room.
 */
export class KnownTokens {
  readonly #contents = new Map<string, Content>()

  find(hash: string, text: string): ParsedToken | undefined {
    const content = this.#contents.get(hash)
    if (content === undefined) return undefined
    this.#put(hash, content)
    const [header = '', payload = '', signature = ''] = text.split('.')
    return { ...content, protected: header, payload, signature }
  }

  keep(hash: string, token: ParsedToken): void {
    if (this.#contents.has(hash)) return
    const { algorithm, keyId, type, hasKeyHeader, claims } = token
    this.#put(hash, { algorithm, keyId, type, hasKeyHeader, claims })
  }

  #put(hash: string, content: Content): void {
    this.#contents.delete(hash)
    this.#contents.set(hash, content)
    if (this.#contents.size <= maxTokens) return
    const [oldest] = this.#contents.keys()
    if (oldest !== undefined) this.#contents.delete(oldest)
  }
}
