import fc from 'fast-check'
import { hmacWith, noSignature, type SigningKey, signWith } from '../support/keys.ts'
import { compact, encode, segmentsOf } from '../support/token.ts'

/** What an attacker has at hand. */
export interface Material {
  /** Sound tokens of every issuer, of persons and of machines. */
  readonly tokens: readonly string[]
  /** Keys that nobody trusts, under the ids of those that are. */
  readonly strangers: readonly SigningKey[]
  /** Public keys in PEM: what HMAC confusion is tried with. */
  readonly publicKeys: readonly string[]
}

/** One change to a token, as plain data, so that a failing case can be shrunk and printed. */
type Edit = (token: string, material: Material) => string

const position = fc.nat({ max: 4000 })
const pick = fc.nat({ max: 1000 })

const characters = fc.oneof(
  fc.constantFrom(
    '.',
    '=',
    '==',
    ' ',
    '\t',
    '\r\n',
    '\0',
    '%00',
    '+',
    '/',
    ',',
    '"',
    '\\',
    '\u2028',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 3 }),
)

const headerMembers = [
  'alg',
  'kid',
  'typ',
  'crit',
  'b64',
  'zip',
  'cty',
  'jwk',
  'jku',
  'x5u',
  'x5c',
  'enc',
]
const claimMembers = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'azp',
  'client_id',
  'scope',
  'act',
]
const otherMembers = [
  'cnf',
  'nonce',
  'at_hash',
  'events',
  'token_use',
  'tid',
  'org_id',
  'roles',
  'email',
]
const trapMembers = ['onBehalfOf', '__proto__', 'constructor', 'prototype', 'toString', '']

const memberNames = fc.oneof(
  fc.constantFrom(...headerMembers, ...claimMembers, ...otherMembers, ...trapMembers),
  fc.string({ maxLength: 8 }),
)

const texts = [
  'none',
  'HS256',
  'RS256',
  'ES256',
  'EdDSA',
  'PS256',
  'at+jwt',
  'JWT',
  'logout+jwt',
  'e1',
]
const names = [
  'https://idp.example',
  'https://mcp.example/mcp',
  'ada',
  'gateway-a',
  '__proto__',
  '',
]
const scalars = [0, -1, 1e18, 1_800_000_100, Number.MAX_SAFE_INTEGER, null, true]
const structures = [[], {}, ['exp'], [[]], { sub: 'gateway-a' }, { jkt: 'x' }, { admin: true }]

const memberValues = fc.oneof(
  fc.constantFrom<unknown>(...texts, ...names, ...scalars, ...structures),
  fc.jsonValue({ maxDepth: 3 }),
)

type Change = (json: string) => string

const setMember = fc.tuple(memberNames, memberValues).map(
  ([name, value]): Change =>
    (json) =>
      changed(json, (object) => ({ ...object, [name]: value })),
)
const dropMember = pick.map(
  (n): Change =>
    (json) =>
      changed(json, (object) => {
        const names = Object.keys(object)
        const { [names[n % names.length] ?? '']: _dropped, ...rest } = object
        return rest
      }),
)
const addDuplicate = fc.tuple(memberNames, memberValues, fc.boolean()).map(
  ([name, value, first]): Change =>
    (json) => {
      const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`
      return first ? `{${member},${json.slice(1)}` : `${json.slice(0, -1)},${member}}`
    },
)
const spoilText = fc.tuple(position, characters).map(
  ([at, text]): Change =>
    (json) => {
      const where = at % (json.length + 1)
      return json.slice(0, where) + text + json.slice(where)
    },
)
const nest = fc.nat({ max: 6000 }).map(
  (depth): Change =>
    (json) =>
      `${json.slice(0, -1)},"x":${'['.repeat(depth)}${']'.repeat(depth)}}`,
)

const changes = fc.oneof(setMember, setMember, dropMember, addDuplicate, spoilText, nest)

/** The new text of header and payload keeps the old signature, or gets one that nobody trusts. */
const resignings: fc.Arbitrary<
  (header: string, payload: string, old: string, at: Material) => string
> = fc.oneof(
  fc.constant(
    (header: string, payload: string, old: string) => `${encode(header)}.${encode(payload)}.${old}`,
  ),
  fc.constant((header: string, payload: string) => compact(header, payload, noSignature)),
  pick.map((n) => (header: string, payload: string, _old: string, { strangers }: Material) => {
    const stranger = strangers[n % strangers.length] as SigningKey
    return compact(header, payload, signWith(stranger))
  }),
  pick.map(
    (n) =>
      (header: string, payload: string, _old: string, { publicKeys }: Material) =>
        compact(header, payload, hmacWith(publicKeys[n % publicKeys.length] as string)),
  ),
)

const editJson = fc
  .tuple(fc.array(changes, { maxLength: 2 }), fc.array(changes, { maxLength: 2 }), resignings)
  .map(
    ([headerChanges, payloadChanges, resign]): Edit =>
      (token, material) => {
        const [header, payload, signature] = wholeToken(token)
        const apply = (segment: string, list: readonly Change[]): string =>
          list.reduce((json, change) => change(json), decode(segment))
        return resign(
          apply(header, headerChanges),
          apply(payload, payloadChanges),
          signature,
          material,
        )
      },
  )

const flip = fc.tuple(position, fc.nat({ max: 7 })).map(
  ([at, bit]): Edit =>
    (token) => {
      const where = at % Math.max(1, token.length)
      const code = String.fromCharCode(token.charCodeAt(where) ^ (1 << bit))
      return token.slice(0, where) + code + token.slice(where + 1)
    },
)

/** A bit of the decoded bytes, in any segment: the spelling stays canonical. */
const flipDecoded = fc.tuple(fc.nat({ max: 2 }), position, fc.nat({ max: 7 })).map(
  ([segment, at, bit]): Edit =>
    (token) => {
      const segments: string[] = segmentsOf(token)
      const bytes = Buffer.from(segments[segment] ?? '', 'base64url')
      if (bytes.length === 0) return token
      bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 << bit)
      segments[segment] = bytes.toString('base64url')
      return segments.join('.')
    },
)

const insert = fc.tuple(position, characters).map(
  ([at, text]): Edit =>
    (token) => {
      const where = at % (token.length + 1)
      return token.slice(0, where) + text + token.slice(where)
    },
)
const remove = fc.tuple(position, fc.integer({ min: 1, max: 40 })).map(
  ([at, count]): Edit =>
    (token) => {
      const where = at % (token.length + 1)
      return token.slice(0, where) + token.slice(where + count)
    },
)
const truncate = position.map(
  (at): Edit =>
    (token) =>
      token.slice(0, at % (token.length + 1)),
)
const repeat = fc.tuple(fc.integer({ min: 2, max: 40 }), fc.constantFrom('', '.', ' ', ',')).map(
  ([times, between]): Edit =>
    (token) =>
      Array<string>(times).fill(token).join(between),
)
const reorder = fc.shuffledSubarray([0, 1, 2], { minLength: 1 }).map(
  (order): Edit =>
    (token) =>
      order.map((n) => segmentsOf(token)[n]).join('.'),
)
const splice = fc.tuple(pick, pick, pick).map(
  (from): Edit =>
    (_token, { tokens }) =>
      from.map((n, at) => segmentsOf(tokens[n % tokens.length] as string)[at]).join('.'),
)
const replace = fc.tuple(fc.nat({ max: 2 }), fc.uint8Array({ maxLength: 64 })).map(
  ([segment, bytes]): Edit =>
    (token) =>
      segmentsOf(token)
        .map((text, n) => (n === segment ? encode(Buffer.from(bytes)) : text))
        .join('.'),
)
const recase = fc.constantFrom<Edit>(
  (token) => token.toUpperCase(),
  (token) => token.toLowerCase(),
  (token) => token.split('').reverse().join(''),
  (token) => encodeURIComponent(token),
  (token) => Buffer.from(token).toString('base64'),
  (token) => JSON.stringify({ token }),
)

const edits: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 6, arbitrary: editJson },
  { weight: 4, arbitrary: flip },
  { weight: 4, arbitrary: flipDecoded },
  { weight: 2, arbitrary: insert },
  { weight: 2, arbitrary: splice },
  { weight: 1, arbitrary: remove },
  { weight: 1, arbitrary: truncate },
  { weight: 1, arbitrary: repeat },
  { weight: 1, arbitrary: reorder },
  { weight: 1, arbitrary: replace },
  { weight: 1, arbitrary: recase },
)

/** A sound token and what was done to it; sometimes nothing. */
export const mutatedToken: fc.Arbitrary<(tokens: readonly string[], material: Material) => string> =
  fc
    .tuple(
      pick,
      fc.oneof(
        { weight: 1, arbitrary: fc.constant([]) },
        { weight: 12, arbitrary: fc.array(edits, { minLength: 1, maxLength: 2 }) },
      ),
    )
    .map(([n, list]) => (tokens, material) => {
      const base = tokens[n % tokens.length] as string
      return list.reduce((token, edit) => edit(token, material), base)
    })

/** An earlier edit may have left less than three segments. */
function wholeToken(token: string): [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

function changed(json: string, change: (object: Record<string, unknown>) => object): string {
  try {
    return JSON.stringify(change(JSON.parse(json) as Record<string, unknown>))
  } catch {
    // An earlier edit has left no JSON behind: there is no member to change.
    return json
  }
}

function decode(segment: string): string {
  return Buffer.from(segment, 'base64url').toString()
}
