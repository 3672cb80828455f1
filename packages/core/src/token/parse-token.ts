import { base64url } from 'jose'
import { IdentityError } from '../errors.ts'
import { isRecord } from '../internal/is-record.ts'
import { type Algorithm, isAlgorithm } from './algorithm.ts'
import { isCanonicalBase64url } from './base64url.ts'
import { type JsonObject, parseJsonObject } from './parse-json.ts'

/** Longest token that is looked at, in characters. */
export const maxTokenLength = 16_384

/** Header members that change how a token is read, or bring a key along: never accepted. */
const forbiddenMembers = ['crit', 'b64', 'zip', 'cty', 'jku', 'x5u', 'x5c'] as const

const printableAscii = /^[\x20-\x7E]{1,256}$/

/** A strictly parsed compact JWS (RFC 7515 section 7.1). Nothing in it is trusted yet. */
export interface CompactToken {
  readonly algorithm: Algorithm
  readonly keyId: string | undefined
  /** `typ` header without the optional `application/` prefix, in lower case. */
  readonly type: string | undefined
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
 * 16384 characters, a header of known shape. A strict token has one spelling only.
 *
 * Does NOT verify the signature.
 *
 * @throws IdentityError `TOK`
 */
export function parseCompact(token: string): CompactToken {
  const { jwk, ...compact } = parseAny(token)
  if (jwk !== undefined) throw malformed('header_member')
  return compact
}

function parseAny(token: string): CompactToken & { readonly jwk: unknown } {
  const [header, payload, signature] = splitToken(token)
  const members = decodeObject(header)
  if (members === undefined) throw malformed('header')
  if (forbiddenMembers.some((name) => name in members)) throw malformed('header_member')
  const algorithm = members['alg']
  if (!isAlgorithm(algorithm)) throw malformed('algorithm')
  return {
    algorithm,
    keyId: readKeyId(members),
    type: readType(members),
    protected: header,
    payload,
    signature,
    jwk: members['jwk'],
  }
}

/**
 * Parses a JWT strictly: {@link parseCompact}, and a payload that is one JSON object in UTF-8 with
 * unique members and bounded depth.
 *
 * Does NOT verify anything.
 *
 * @throws IdentityError `TOK`
 */
export function parseToken(token: string): ParsedToken {
  const compact = parseCompact(token)
  const claims = decodeObject(compact.payload)
  if (claims === undefined) throw malformed('payload')
  return Object.freeze({ ...compact, claims })
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
 * Whether text was meant as a signed JWT, however malformed: three segments, the first of them the
 * beginning of a JSON object. Opaque tokens with dots in them, and encrypted ones, do not.
 */
export function looksLikeJwt(text: string): boolean {
  const [header = '', ...rest] = text.split('.', 4)
  if (rest.length !== 2) return false
  // Whole groups of four characters decode, whatever follows them.
  const [groups = ''] = /^(?:[\w-]{4})*/.exec(header) ?? []
  return new TextDecoder().decode(base64url.decode(groups)).trimStart().startsWith('{')
}

/** @throws IdentityError `TOK` for a token that is too long to be looked at */
export function assertTokenLength(token: string): void {
  if (token.length > maxTokenLength) throw malformed('size')
}

function splitToken(token: string): [string, string, string] {
  // Length first: unbounded input is never split (a megabyte of dots costs nothing here).
  assertTokenLength(token)
  const [header, payload, signature, ...rest] = token.split('.', 4)
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw malformed('segments')
  }
  const segments: [string, string, string] = [header, payload, signature]
  if (!segments.every(isCanonicalBase64url)) throw malformed('base64url')
  return segments
}

function decodeObject(segment: string): JsonObject | undefined {
  return parseJsonObject(base64url.decode(segment))
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

function malformed(part: string): IdentityError {
  return new IdentityError('TOK', { reason: `malformed_${part}` })
}
