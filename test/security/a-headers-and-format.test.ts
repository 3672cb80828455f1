import { createPublicKey } from 'node:crypto'
import { isIdentityError } from '@onbehalf/core'
import { parseToken } from '@onbehalf/core/internal'
import { CompactEncrypt } from 'jose'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { expectAccepted, expectRefused } from './support/expect-refused.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, noSignature, signWith } from './support/keys.ts'
import { bearer, startDirect } from './support/server.ts'
import {
  claimsOf,
  compact,
  encode,
  headerOf,
  mint,
  segmentsOf,
  signed,
  withMember,
} from './support/token.ts'

const key = createKey('ES256')
const stranger = createKey('ES256')
const rsa = createKey('RS256')

describe('A7 a key that the token brings along', () => {
  const own = stranger.jwk
  const certificate = createPublicKey(stranger.privateKey)
    .export({ type: 'spki', format: 'der' })
    .toString('base64')
  const members = (url: string): readonly (readonly [string, object])[] => [
    ['jwk', { jwk: own }],
    ['jwk of the trusted key', { jwk: key.jwk }],
    ['jku', { jku: url }],
    ['x5u', { x5u: url }],
    ['x5c', { x5c: [certificate] }],
    ['all four', { jwk: own, jku: url, x5u: url, x5c: [certificate] }],
    ['an empty jwk', { jwk: null }],
  ]
  const signers = [
    ['its own key', stranger],
    ['the trusted key', key],
  ] as const
  const rows = signers.flatMap(([by, signer]) =>
    members('').map(([member], at) => ({ variant: `${member}, signed by ${by}`, signer, at })),
  )

  it.each(rows)('A7 refuses an embedded key and fetches nothing: $variant', async (row) => {
    const listener = await startKeyServer([own])
    const server = await startDirect(key)
    const [, header] = members(listener.url)[row.at] as readonly [string, object]
    const token = mint(key, { header: { ...header }, sign: signWith(row.signer) })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_header_member' })
    expect(listener.fetches).toBe(0)
  })

  it('A7 refuses a token of another key under the trusted key id', async () => {
    const server = await startDirect(key)
    const token = mint(key, { sign: signWith(stranger) })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'signature' })
  })
})

describe('A8 a hostile key id', () => {
  const strings = [
    '../../dev/null',
    '../../../../etc/passwd',
    "' OR 1=1--",
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'https://evil.example/jwks',
    '${jndi:ldap://evil.example}',
    'K1',
    ' k1',
    'k'.repeat(256),
  ]
  const shapes: readonly (readonly [string, unknown])[] = [
    ['5 kB', 'k'.repeat(5000)],
    ['257 characters', 'k'.repeat(257)],
    ['empty', ''],
    ['NUL', 'k1\u0000'],
    ['newline', 'k1\nset-cookie: a=b'],
    ['carriage return', 'k1\r\nx: y'],
    ['not ASCII', 'k1\u2713'],
    ['DEL', 'k1\u007F'],
    ['number', 1],
    ['array', ['k1']],
    ['object', { k1: 1 }],
    ['null', null],
    ['boolean', true],
  ]

  it.each(strings)('A8 refuses an unknown key id without telling it: %s', async (kid) => {
    const { server, keys } = await startRemote()
    const token = mint(key, { header: { kid } })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'key_unknown' })
    expect(JSON.stringify([server.events, server.thrown])).not.toContain(kid)
    expect(keys.fetches).toBeLessThanOrEqual(3)
  })

  it.each(shapes)('A8 fetches nothing for a key id that cannot be one: %s', async (_name, kid) => {
    const { server, keys } = await startRemote()
    const token = mint(key, { header: { kid } })
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_key_id' })
    expect(keys.fetches).toBe(1)
  })

  it('A8 spends a fixed number of fetches on any number of unknown key ids', async () => {
    const { server, keys } = await startRemote()
    for (let n = 0; n < 200; n++) await server.send(bearer(mint(key, { header: { kid: `u${n}` } })))
    expect(keys.fetches).toBeLessThanOrEqual(3)
    expect(server.handled).toHaveLength(1)
  })

  async function startRemote() {
    const keys = await startKeyServer([key.jwk])
    const server = await startDirect(key, { keys: { jwksUri: keys.url } })
    await expectAccepted(server, bearer(mint(key)))
    return { server, keys }
  }
})

describe('A9 critical extensions', () => {
  const values: readonly unknown[] = [
    ['foo'],
    [],
    'exp',
    ['exp'],
    ['b64'],
    ['b64', 'b64'],
    ['alg'],
    {},
    null,
    false,
    '',
    [''],
    [1],
  ]

  it.each(values.map((crit) => ({ variant: JSON.stringify(crit), crit })))(
    'A9 refuses crit whatever it names: $variant',
    async ({ crit }) => {
      const server = await startDirect(key)
      const token = mint(key, { header: { crit, exp: 1, foo: 1 } })
      await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_header_member' })
    },
  )
})

describe('A10 an unencoded payload', () => {
  const rows = [
    { variant: 'b64 false and critical', header: { b64: false, crit: ['b64'] } },
    { variant: 'b64 false, not critical', header: { b64: false } },
    { variant: 'b64 true', header: { b64: true } },
    { variant: 'b64 of another type', header: { b64: 'false' } },
  ]

  it.each(rows)('A10 refuses the b64 header: $variant', async ({ header }) => {
    const server = await startDirect(key)
    const expected = { code: 'TOK', reason: 'malformed_header_member' } as const
    await expectRefused(server, bearer(mint(key, { header })), expected)
  })

  it('A10 refuses a payload that is not encoded', async () => {
    const server = await startDirect(key)
    const header = encode(headerOf(key, { header: { b64: false, crit: ['b64'] } }))
    const raw = signed(`${header}.sub-adas`, signWith(key))
    await expectRefused(server, bearer(raw), { code: 'TOK', reason: 'malformed_header_member' })
    const json = signed(`${header}.${claimsOf()}`, signWith(key))
    await expectRefused(server, bearer(json), { code: 'REQ', reason: 'duplicate_header' })
  })
})

describe('A11 encrypted tokens', () => {
  const unsigned = compact(headerOf(key, { header: { alg: 'none' } }), claimsOf(), noSignature)
  const plaintexts = [
    { variant: 'an unsigned token inside', plaintext: unsigned },
    { variant: 'bare claims inside', plaintext: claimsOf() },
    { variant: 'a sound token inside', plaintext: mint(rsa) },
  ]

  it.each(plaintexts)('A11 refuses encryption to the published key: $variant', async (row) => {
    const server = await startDirect(rsa)
    const token = await new CompactEncrypt(Buffer.from(row.plaintext))
      .setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM', cty: 'JWT', kid: rsa.keyId })
      .encrypt(createPublicKey(rsa.privateKey))
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'encrypted_token' })
  })

  it.each([1, 2, 4, 5, 6, 50])('A11 refuses any number of segments but three: %i', async (n) => {
    const server = await startDirect(key)
    const token = [...segmentsOf(mint(key)), ...Array<string>(50).fill('AAAA')]
      .slice(0, n)
      .join('.')
    const reason = n < 3 ? 'opaque_token' : 'malformed_segments'
    await expectRefused(server, bearer(token), { code: 'TOK', reason })
  })
})

describe('A12 nested tokens', () => {
  const inner = mint(key)
  const sign = signWith(key)
  const rows = [
    ['cty JWT', mint(key, { header: { cty: 'JWT' } }), 'malformed_header_member'],
    ['cty jwt around a token', nested({ cty: 'jwt' }, inner), 'malformed_header_member'],
    ['a token as the payload', nested({}, inner), 'malformed_payload'],
    ['a token as a JSON string', nested({}, JSON.stringify(inner)), 'malformed_payload'],
    ['claims in an array', nested({}, `[${claimsOf()}]`), 'malformed_payload'],
  ] as const

  function nested(header: object, payload: string): string {
    return compact(headerOf(key, { header: { ...header } }), payload, sign)
  }

  it.each(rows)('A12 refuses a token within a token: %s', async (_variant, token, reason) => {
    await expectRefused(await startDirect(key), bearer(token), { code: 'TOK', reason })
  })
})

describe('A13 JSON serialization', () => {
  const [header, payload, signature] = segmentsOf(mint(key))
  const flattened = { protected: header, payload, signature }
  const rows = [
    ['flattened', flattened],
    ['general', { payload, signatures: [{ protected: header, signature }] }],
    ['unprotected header', { ...flattened, header: { alg: 'ES256', kid: 'k1' } }],
    ['a compact token as the payload', { ...flattened, payload: mint(key) }],
    ['one member that looks compact', { token: mint(key) }],
  ] as const

  it.each(rows)('A13 refuses any form but the compact one: %s', async (_variant, form) => {
    const server = await startDirect(key)
    const json = JSON.stringify(form)
    const joined = Object.keys(form).length > 1
    const reason = joined ? 'duplicate_header' : 'header_shape'
    await expectRefused(server, bearer(json), { code: 'REQ', reason })
    expect(reasonOf(() => parseToken(json))).toMatch(/^(opaque_token|malformed_base64url)$/)
    await expectRefused(server, bearer(encode(json)), { code: 'TOK', reason: 'opaque_token' })
  })
})

describe('A14 expensive headers', () => {
  afterEach(() => void vi.restoreAllMocks())

  const pbes2 = { alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 1e9, p2s: 'AAAA' }
  const rows = [
    [
      'PBES2 with 1e9 rounds, five segments',
      `${encode(JSON.stringify(pbes2))}.AAAA.AAAA.AAAA.AAAA`,
    ],
    ['PBES2 with 1e9 rounds, three segments', mint(key, { header: pbes2 })],
    ['zip DEF', mint(key, { header: { zip: 'DEF' } })],
    ['zip GZIP', mint(key, { header: { zip: 'GZIP' } })],
  ] as const

  it.each(rows)('A14 never decrypts, derives or inflates anything: %s', async (_variant, token) => {
    const server = await startDirect(key)
    const spies = (['decrypt', 'unwrapKey', 'deriveBits', 'deriveKey', 'importKey'] as const).map(
      (name) => vi.spyOn(crypto.subtle, name),
    )
    const reason = /five/.test(_variant)
      ? 'encrypted_token'
      : /PBES2/.test(_variant)
        ? 'malformed_algorithm'
        : 'malformed_header_member'
    await expectRefused(server, bearer(token), { code: 'TOK', reason })
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  })
})

describe('A15 spellings of one token', () => {
  // Lengths that leave unused bits in the last character of every segment.
  const header = headerOf(key, { header: { x: fill(headerOf(key, { header: { x: '' } })) } })
  const claims = claimsOf({ claims: { x: fill(claimsOf({ claims: { x: '' } })) } })
  const token = compact(header, claims, signWith(key))
  const names = ['header', 'payload', 'signature'] as const
  const segments = names.map((name, at) => ({ name, at }))

  function fill(json: string): string {
    return 'x'.repeat((4 - (json.length % 3)) % 3)
  }

  function respell(at: number, change: (segment: string) => string): string {
    return segmentsOf(token)
      .map((segment, n) => (n === at ? change(segment) : segment))
      .join('.')
  }

  const insert = (text: string) => (segment: string) =>
    `${segment.slice(0, 8)}${text}${segment.slice(8)}`
  const append = (text: string) => (segment: string) => segment + text

  const characters = [
    ['a space', ' '],
    ['a tab', '\t'],
    ['a non-ASCII letter', '\u00E9'],
    ['a question mark', '?'],
    ['a percent escape', '%41'],
    ['padding', '='],
  ] as const
  const misshapen = segments.flatMap(({ name, at }) =>
    characters.map(([what, text]) => ({
      variant: `${what} inside the ${name}`,
      token: respell(at, insert(text)),
    })),
  )

  it.each(misshapen)('A15 refuses what no token may contain: $variant', async (row) => {
    const server = { ...(await startDirect(key)), good: bearer(token) }
    await expectRefused(server, bearer(row.token), { code: 'REQ', reason: 'header_shape' })
  })

  const controls = [
    ['CR', '\r'],
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['form feed', '\f'],
    ['NUL', '\0'],
  ] as const
  const unsendable = segments.flatMap(({ name, at }) =>
    controls.map(([what, text]) => ({
      variant: `${what} inside the ${name}`,
      token: respell(at, insert(text)),
    })),
  )

  it.each(unsendable)('A15 refuses a control character on any transport: $variant', async (row) => {
    const server = await startDirect(key)
    const answer = await server.send(bearer(row.token))
    // Node itself hangs up on them; a transport that lets them pass meets our own rule.
    expect([answer.status, server.handled.length]).toEqual([400, 0])
    const request = { headers: { authorization: `Bearer ${row.token}` } }
    await expect(server.authenticator.authenticate(request)).rejects.toMatchObject({
      code: 'REQ',
      reason: 'header_shape',
    })
  })

  it.each([' ', '\t', '\r', '\n', '\r\n', '\f', '\0', '\u00A0', '\uFEFF'])(
    'A15 refuses a token that is not trimmed: %j',
    async (text) => {
      const { authenticator } = await startDirect(key)
      const request = { headers: { authorization: `Bearer ${token}${text}` } }
      const refused = { code: 'REQ', reason: 'header_shape' }
      await expect(authenticator.authenticate(request)).rejects.toMatchObject(refused)
    },
  )

  const foreignAlphabet = segments.flatMap(({ name, at }) => [
    { variant: `+ in the ${name}`, token: respell(at, insert('+')) },
    { variant: `/ in the ${name}`, token: respell(at, insert('/')) },
    { variant: `~ in the ${name}`, token: respell(at, insert('~')) },
    { variant: `one more character in the ${name}`, token: respell(at, append('A')) },
    { variant: `two more characters in the ${name}`, token: respell(at, append('AA')) },
  ])
  const padded = [
    { variant: '= behind the token', token: `${token}=` },
    { variant: '== behind the token', token: `${token}==` },
  ]

  it.each([...foreignAlphabet, ...padded])(
    'A15 refuses another alphabet: $variant',
    async (row) => {
      const server = { ...(await startDirect(key)), good: bearer(token) }
      const answer = await server.send(bearer(row.token))
      expect([answer.status, server.handled.length]).toEqual([401, 0])
      await expectRefused(server, bearer(row.token), { code: 'TOK', reason: reasonFor(row.token) })
    },
  )

  /** Two more characters are canonical base64url: then the content is what fails. */
  function reasonFor(spelling: string): string {
    return reasonOf(() => parseToken(spelling)) ?? 'signature'
  }

  it.each(segments)('A15 refuses every other value of the unused bits: $name', async ({ at }) => {
    const server = { ...(await startDirect(key)), good: bearer(token) }
    await expectAccepted(server, bearer(token))
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const others = alphabet.split('').map((last) => respell(at, (text) => text.slice(0, -1) + last))
    const sameBytes = others.filter((other) => decodesAlike(other) && other !== token)
    expect(sameBytes.length).toBeGreaterThanOrEqual(3)
    for (const other of sameBytes) {
      await expectRefused(server, bearer(other), { code: 'TOK', reason: 'malformed_base64url' })
    }
  })

  function decodesAlike(other: string): boolean {
    const bytes = (text: string): string =>
      segmentsOf(text)
        .map((segment) => Buffer.from(segment, 'base64url').toString('hex'))
        .join()
    return bytes(other) === bytes(token)
  }
})

describe('A16 duplicate members', () => {
  const sound = headerOf(key)
  const headers = [
    ['alg none first', `{"alg":"none",${sound.slice(1)}`],
    ['alg none last', withMember(sound, '"alg":"none"')],
    ['alg twice the same', withMember(sound, '"alg":"ES256"')],
    ['alg with an escape', withMember(sound, '"\\u0061lg":"none"')],
    ['kid twice', withMember(sound, '"kid":"k2"')],
    ['typ twice', withMember(sound, '"typ":"JWT"')],
    ['unknown member twice', withMember(sound, '"x":1,"x":2')],
    ['__proto__ twice', withMember(sound, '"__proto__":1,"__proto__":2')],
  ] as const
  const members = ['sub', 'aud', 'iss', 'exp', 'client_id', 'iat', 'jti']
  const payloads = [
    ...members.map((name) => [`${name} twice`, withMember(claimsOf(), `"${name}":"x"`)] as const),
    ['sub with an escape', withMember(claimsOf(), '"\\u0073ub":"root"')],
    ['sub with blanks before the colon', withMember(claimsOf(), '"sub" \t\r\n:"root"')],
    ['sub first and last', `{"sub":"root",${claimsOf().slice(1)}`],
    ['act twice', withMember(claimsOf(), '"act":{"sub":"a"},"act":{"sub":"b"}')],
  ] as const

  it.each(headers)('A16 refuses two header members of one name: %s', async (_variant, header) => {
    const server = await startDirect(key)
    const token = compact(header, claimsOf(), signWith(key))
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_header' })
  })

  it.each(payloads)('A16 refuses two claims of one name: %s', async (_variant, payload) => {
    const server = await startDirect(key)
    const token = compact(headerOf(key), payload, signWith(key))
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_payload' })
  })

  it('A16 accepts one name on two levels', async () => {
    const payload = withMember(claimsOf(), '"act":{"sub":"agent"},"list":[{"sub":1},{"sub":2}]')
    const server = await startDirect(key)
    await expectAccepted(server, bearer(compact(headerOf(key), payload, signWith(key))))
  })
})

describe('A17 not quite JSON', () => {
  const sign = signWith(key)
  const bytes = (text: string): Buffer => Buffer.from(text)
  const invalid = Buffer.from([0xc3, 0x28])
  const at = claimsOf().indexOf('ada')
  const split = (middle: Buffer): Buffer =>
    Buffer.concat([bytes(claimsOf()).subarray(0, at), middle, bytes(claimsOf()).subarray(at + 3)])
  const payloads: readonly (readonly [string, string | Buffer])[] = [
    ['byte order mark', `\uFEFF${claimsOf()}`],
    ['byte order mark behind', `${claimsOf()}\uFEFF`],
    ['invalid UTF-8', split(invalid)],
    ['overlong UTF-8', split(Buffer.from([0xc0, 0x80]))],
    ['a lone surrogate in UTF-8', split(Buffer.from([0xed, 0xa0, 0x80]))],
    ['a truncated character', split(Buffer.from([0xe2, 0x9c]))],
    ['UTF-16', Buffer.from(claimsOf(), 'utf16le')],
    ['a non-breaking space outside', `\u00A0${claimsOf()}`],
    ['a form feed outside', `\f${claimsOf()}`],
    ['NUL outside', `${claimsOf()}\0`],
    ['a trailing comma', `${claimsOf().slice(0, -1)},}`],
    ['a comment', `${claimsOf()}//`],
    ['two objects', claimsOf() + claimsOf()],
    ['single quotes', claimsOf().replaceAll('"', "'")],
    ['empty', ''],
    ['null', 'null'],
    ['a number', '1'],
  ]

  it.each(payloads)(
    'A17 refuses a payload that is not plain JSON: %s',
    async (_variant, payload) => {
      const server = await startDirect(key)
      const token = compact(headerOf(key), payload, sign)
      await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_payload' })
    },
  )

  const headers: readonly (readonly [string, string | Buffer])[] = [
    ['byte order mark', `\uFEFF${headerOf(key)}`],
    ['invalid UTF-8', Buffer.concat([bytes(headerOf(key)).subarray(0, -2), invalid, bytes('"}')])],
    ['an array', `[${headerOf(key)}]`],
    ['empty', ''],
  ]

  it.each(headers)('A17 refuses a header that is not plain JSON: %s', async (_variant, header) => {
    const server = await startDirect(key)
    const token = compact(header, claimsOf(), sign)
    await expectRefused(server, bearer(token), { code: 'TOK', reason: 'malformed_header' })
  })
})

function reasonOf(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (error) {
    if (isIdentityError(error)) return error.reason
    throw error
  }
}
