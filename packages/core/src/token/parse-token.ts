import { base64url } from 'jose'
import { IdentityError } from '../errors.ts'
import { isRecord } from '../internal/values.ts'
import type { MalformedPart } from '../reasons.ts'
import { type Algorithm, isAlgorithm } from './algorithm.ts'
import { isCanonicalBase64url, toBytes } from './base64url.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'

/** Longest token that is looked at by default, in bytes. */
export const maxTokenLength = 16_384

/** Header members that change how a token is read: never accepted. */
const forbiddenMembers = ['crit', 'b64', 'zip', 'cty'] as const

/** Header members that bring a key along, or say where one is. Nothing here ever reads them. */
const keyMembers = ['jku', 'x5u', 'x5c'] as const

/** What is let through for the issuer to judge, where one of several issuers allows it. */
export interface ParseOptions {
  /** Longest token, in bytes. Default 16384. */
  readonly maxBytes?: number
  /** Accepts `jku`, `x5u` and `x5c` in the header and ignores them. Default: refused. */
  readonly ignoreKeyHeaders?: boolean
}

const printableAscii = /^[\x20-\x7E]{1,256}$/

/** A strictly parsed compact JWS (RFC 7515 section 7.1). Nothing in it is trusted yet. */
export interface CompactToken {
  readonly algorithm: Algorithm
  readonly keyId: string | undefined
  /** `typ` header without the optional `application/` prefix, in lower case. */
  readonly type: string | undefined
  /** Whether the header names or brings a key (`jku`, `x5u`, `x5c`). */
  readonly hasKeyHeader: boolean
  readonly protected: string
  readonly payload: string
  readonly signature: string
}

/** A parsed JWT: a compact token whose payload is a claim set. Nothing in it is trusted yet. */
export interface ParsedToken extends CompactToken {
  readonly claims: JsonObject
}

/**
 * Parses the compact serialization and nothing else: three segments of canonical base64url, at most
 * 16384 bytes, a header of known shape. A strict token has one spelling only.
 *
 * Does NOT verify the signature.
 *
 * @throws IdentityError `TOK`
 */
export function parseCompact(token: string, options: ParseOptions = {}): CompactToken {
  assertCompact(token, options.maxBytes)
  const compact = parseAny(token, options)
  if (compact.jwk !== undefined) throw malformed('header_member')
  return compact
}

function parseAny(
  token: string,
  options: ParseOptions = {},
): CompactToken & { readonly jwk: unknown } {
  const [header, payload, signature] = splitToken(token, options.maxBytes)
  const { algorithm, keyId, type, hasKeyHeader, jwk } =
    headers.get(header) ?? readHeader(header, options)
  return { algorithm, keyId, type, hasKeyHeader, protected: header, payload, signature, jwk }
}

type Header = Pick<CompactToken, 'algorithm' | 'keyId' | 'type' | 'hasKeyHeader'> & {
  readonly jwk: unknown
}

// Tokens of one issuer begin alike. What a header says follows from its text alone.
const headers = new Map<string, Header>()
const maxHeaders = 100
const longestHeader = 512

function readHeader(header: string, options: ParseOptions): Header {
  const members = decodeObject(header)
  if (members === undefined) throw malformed('header')
  if (forbiddenMembers.some((name) => name in members)) throw malformed('header_member')
  const hasKeyHeader = keyMembers.some((name) => name in members)
  if (hasKeyHeader && options.ignoreKeyHeaders !== true) throw malformed('header_member')
  const { alg: algorithm, jwk } = members
  if (!isAlgorithm(algorithm)) throw malformed('algorithm')
  const read = { algorithm, keyId: readKeyId(members), type: readType(members), hasKeyHeader, jwk }
  // Those that name or bring a key are another question for each caller, or for each client.
  if (!hasKeyHeader && jwk === undefined && header.length <= longestHeader) keepHeader(header, read)
  return read
}

function keepHeader(text: string, header: Header): void {
  if (headers.size >= maxHeaders) headers.clear()
  headers.set(text, header)
}

/**
 * Parses a JWT strictly: {@link parseCompact}, and a payload that is one JSON object in UTF-8 with
 * unique members and bounded depth.
 *
 * Does NOT verify anything.
 *
 * @throws IdentityError `TOK`
 */
export function parseToken(token: string, options: ParseOptions = {}): ParsedToken {
  const { algorithm, keyId, type, hasKeyHeader, ...segments } = parseCompact(token, options)
  const { protected: header, payload, signature } = segments
  const claims = decodeObject(payload)
  if (claims === undefined) throw malformed('payload')
  return { algorithm, keyId, type, hasKeyHeader, protected: header, payload, signature, claims }
}

/** A parsed DPoP proof: the one token that brings its key along (RFC 9449 section 4.2). */
export interface ParsedProof extends ParsedToken {
  readonly jwk: JsonObject
}

/**
 * Parses a DPoP proof as strictly as a token.
 *
 * Does NOT verify anything.
 *
 * @throws IdentityError `TOK`
 */
export function parseProof(proof: string): ParsedProof {
  const { jwk, ...compact } = parseAny(proof)
  const claims = decodeObject(compact.payload)
  if (claims === undefined) throw malformed('payload')
  if (!isRecord(jwk)) throw malformed('header_member')
  return { ...compact, claims, jwk }
}

/**
 * Whether text was meant as a signed JWT, however malformed: three segments or more, the first of
 * them the beginning of a JSON object. Opaque tokens with dots in them, and encrypted ones, are not.
 */
export function looksLikeJwt(text: string): boolean {
  const [header = '', ...rest] = text.split('.', 3)
  if (rest.length < 2 || isEncrypted(text)) return false
  // Whole groups of four characters decode, whatever follows them.
  const [groups = ''] = /^(?:[\w-]{4})*/.exec(header) ?? []
  return new TextDecoder().decode(base64url.decode(groups)).trimStart().startsWith('{')
}

/** A compact JWE (RFC 7516 section 7.1): five segments, and a header that names an encryption. */
function isEncrypted(text: string): boolean {
  const segments = text.split('.', 6)
  const [header = ''] = segments
  if (segments.length !== 5 || !isCanonicalBase64url(header)) return false
  return typeof decodeObject(header)?.['enc'] === 'string'
}

/** @throws IdentityError `TOK` for a token that is too long to be looked at */
export function assertTokenLength(token: string, maxBytes: number = maxTokenLength): void {
  if (token.length > maxBytes) throw malformed('size')
}

function splitToken(token: string, maxBytes?: number): [string, string, string] {
  // Length first: unbounded input is never split (a megabyte of dots costs nothing here).
  assertTokenLength(token, maxBytes)
  const [header, payload, signature, ...rest] = token.split('.', 4)
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw malformed('segments')
  }
  const segments: [string, string, string] = [header, payload, signature]
  if (!segments.every(isCanonicalBase64url)) throw malformed('base64url')
  return segments
}

function decodeObject(segment: string): JsonObject | undefined {
  return parseJsonObject(toBytes(segment))
}

function readKeyId(header: JsonObject): string | undefined {
  const keyId = header['kid']
  if (keyId === undefined) return undefined
  if (typeof keyId !== 'string' || !printableAscii.test(keyId)) throw malformed('key_id')
  return keyId
}

function readType(header: JsonObject): string | undefined {
  const type = header['typ']
  if (type === undefined) return undefined
  if (typeof type !== 'string') throw malformed('type')
  // RFC 7515 section 4.1.9: media type names ignore case; "application/" may be left out.
  return type.toLowerCase().replace(/^application\//, '')
}

/** Encrypted and opaque tokens may be sound: it is this server that is configured for others. */
function assertCompact(token: string, maxBytes?: number): void {
  assertTokenLength(token, maxBytes)
  if (token.split('.', 4).length === 3) return
  if (isEncrypted(token)) throw new IdentityError('TOK', { reason: 'encrypted_token' })
  if (!looksLikeJwt(token)) throw new IdentityError('TOK', { reason: 'opaque_token' })
}

function malformed(part: MalformedPart): IdentityError {
  return new IdentityError('TOK', { reason: `malformed_${part}` })
}
