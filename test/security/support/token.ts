import type { Algorithm } from '@onbehalf/core'
import { type Sign, type SigningKey, signWith } from './keys.ts'
import { audience, issuerName, now } from './names.ts'

/** Members over the sound ones; `undefined` removes one. */
export type Changes = Readonly<Record<string, unknown>>

export interface MintChanges {
  readonly header?: Changes
  readonly claims?: Changes
  /** What the signature is made with. Default: the algorithm of the key. */
  readonly algorithm?: Algorithm
  readonly sign?: Sign
}

const soundClaims: Changes = {
  iss: issuerName,
  sub: 'ada',
  aud: audience,
  client_id: 'agent',
  iat: now - 10,
  exp: now + 300,
  jti: 'token-1',
}

/** A sound access token (RFC 9068 section 2), or one that departs from it as told. */
export function mint(key: SigningKey, changes: MintChanges = {}): string {
  const { algorithm = key.algorithm, sign = signWith(key, algorithm) } = changes
  return compact(headerOf(key, changes), claimsOf(changes), sign)
}

/** The header that {@link mint} would write, as JSON text. */
export function headerOf(key: SigningKey, { header, algorithm }: MintChanges = {}): string {
  return JSON.stringify({
    alg: algorithm ?? key.algorithm,
    kid: key.keyId,
    typ: 'at+jwt',
    ...header,
  })
}

/** The claims that {@link mint} would write, as JSON text. */
export function claimsOf({ claims }: MintChanges = {}): string {
  return JSON.stringify({ ...soundClaims, ...claims })
}

/** Joins any two byte strings to a compact JWS with a signature over exactly these segments. */
export function compact(header: string | Buffer, payload: string | Buffer, sign: Sign): string {
  return signed(`${encode(header)}.${encode(payload)}`, sign)
}

/** Appends a signature to whatever stands for `header.payload`. */
export function signed(input: string, sign: Sign): string {
  return `${input}.${sign(input).toString('base64url')}`
}

export function encode(bytes: string | Buffer): string {
  return Buffer.from(bytes).toString('base64url')
}

export function segmentsOf(token: string): [header: string, payload: string, signature: string] {
  return token.split('.') as [string, string, string]
}

/** Adds a raw member to JSON text, also one that is there already. */
export function withMember(json: string, member: string): string {
  return `${json.slice(0, -1)},${member}}`
}
