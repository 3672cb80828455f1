import { createHash } from 'node:crypto'
import { direct, introspected, type Source } from '@onbehalf/core'
import {
  type ApiKey,
  type ApiKeyStore,
  apiKeys,
  createApiKey,
  type ManagedApiKeys,
  memoryApiKeys,
} from '@onbehalf/core/api-keys'
import { describe, expect, test, vi } from 'vitest'
import type { Lines } from './support/http.ts'
import { now } from './support/names.ts'
import { bearer, type ProtectedServer, startServer } from './support/server.ts'

const owner = {
  kind: 'user',
  issuer: 'https://people.example.com',
  subject: 'jane',
  organization: 'acme',
  scopes: ['notes:read'],
  roles: ['viewer'],
} as const
const shape = { prefix: 'inv_', lifetimeSeconds: 86_400, clock: () => now }

/** A store that counts what it is asked. */
function counted(): ManagedApiKeys & { readonly found: readonly string[] } {
  const found: string[] = []
  const keys = memoryApiKeys()
  return { ...keys, found, find: (hash) => (found.push(hash), keys.find(hash)) }
}

async function start(more: { keys?: ManagedApiKeys; header?: string; clock?: () => number } = {}) {
  const { keys = counted(), clock = () => now } = more
  const source = apiKeys({ keys, prefix: 'inv_', ...(more.header && { header: more.header }) })
  const server = await startServer({ sources: [source], clock })
  const { text, key } = await createApiKey({ keys, ...shape, ...owner })
  return { keys: keys as ReturnType<typeof counted>, server, text, key }
}

async function verdict(server: ProtectedServer, lines: Lines): Promise<string> {
  const before = server.events.length
  const { status, headers, body } = await server.send(lines)
  const event = server.events.slice(before).find(({ type }) => type === 'refused')
  const secrets = lines.map(([, value]) => value.replace(/^Bearer /, ''))
  const shown = JSON.stringify([headers, body, event])
  expect(secrets.filter((secret) => secret.length > 8 && shown.includes(secret))).toEqual([])
  return `${status} ${event?.type === 'refused' ? event.reason : ''}`.trim()
}

describe('an API key over HTTP', () => {
  test.each(['authorization', 'x-api-key'])('is its owner, in %s', async (header) => {
    const { server, text, key, keys } = await start({ header })
    const value = header === 'authorization' ? `Bearer ${text}` : text
    expect(await verdict(server, [[header, value]])).toBe('200')
    expect(server.handled.at(-1)).toMatchObject({
      kind: 'user',
      principal: '["https://people.example.com","jane"]',
      organization: { id: 'acme', roles: ['viewer'] },
      scopes: ['notes:read'],
      roles: ['viewer'],
      source: 'apiKeys',
      tokenId: key.id,
      // A stream that it opens ends by then.
      expiresAt: now + 3600,
    })
    expect(keys.found).toEqual([createHash('sha256').update(text).digest('base64url')])
    await vi.waitFor(async () => expect((await keys.list(owner))[0]?.lastUsedAt).toBe(now))
    expect(JSON.stringify(await keys.list(owner))).not.toContain(text)
  })

  test.each<[string, (text: string) => string]>([
    ['its checksum changed', (text) => text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A')],
    ['its secret changed', (text) => `inv_${text[4] === 'A' ? 'B' : 'A'}${text.slice(5)}`],
    ['its end missing', (text) => text.slice(0, -1)],
    ['something after it', (text) => `${text}A`],
    ['a made-up secret', () => `inv_${'A'.repeat(49)}`],
    ['nothing but the prefix', () => 'inv_'],
    [
      'a short secret and its checksum',
      () =>
        `inv_A${createHash('sha256').update('api-key-check:inv_A').digest('base64url').slice(0, 6)}`,
    ],
  ])('J1 refuses a key with %s, and looks nothing up', async (_, change) => {
    const { server, text, keys } = await start()
    expect(await verdict(server, bearer(change(text)))).toBe('401 api_key_malformed')
    expect(keys.found).toEqual([])
  })

  test('J1 refuses a well-formed key that nobody was given', async () => {
    const { server } = await start()
    const other = await createApiKey({ keys: memoryApiKeys(), ...shape, ...owner })
    expect(await verdict(server, bearer(other.text))).toBe('401 api_key_unknown')
  })

  test('J2 refuses a key from the call on that follows its end', async () => {
    let time = now
    const { server, text, key, keys } = await start({ clock: () => time })
    expect(await verdict(server, bearer(text))).toBe('200')
    time = key.expiresAt
    expect(await verdict(server, bearer(text))).toBe('401 expired')
    time = now
    expect(await keys.revoke(key.id)).toBe(true)
    expect(await keys.revoke(key.id)).toBe(false)
    expect(await verdict(server, bearer(text))).toBe('401 revoked')
  })

  test.each<[string, (key: ApiKey) => Parameters<ProtectedServer['authenticator']['revoke']>[0]]>([
    ['its id', ({ id, issuer }) => ({ issuer, tokenId: id })],
    ['its owner', ({ issuer, subject }) => ({ issuer, subject })],
  ])('J2 refuses a key whose end was revoked by %s', async (_, revocation) => {
    const { server, text, key } = await start()
    await server.authenticator.revoke({ issuer: key.issuer, sessionId: 'of-a-browser' })
    await server.authenticator.revoke({ issuer: key.issuer, subjectWithoutSession: key.subject })
    expect(await verdict(server, bearer(text))).toBe('200')
    await server.authenticator.revoke(revocation(key))
    expect(await verdict(server, bearer(text))).toBe('401 revoked')
  })

  test.each<[string, (text: string) => Lines, string]>([
    [
      'beside a token',
      (t) => [...bearer(t), ['x-user-token', 'a.b.c']],
      '401 credential_not_understood',
    ],
    [
      'beside another key',
      (t) => [...bearer(t), ['x-user-token', t]],
      '401 credential_not_understood',
    ],
    ['twice', (t) => [...bearer(t), ...bearer(t)], '400 duplicate_header'],
    ['and another after a comma', (t) => bearer(`${t}, Bearer ${t}`), '400 duplicate_header'],
    ['in the other header', (t) => [['x-user-token', t]], '401 issuer_unknown'],
  ])('J3 refuses a key that comes %s', async (_, lines, expected) => {
    const keys = counted()
    const { text } = await createApiKey({ keys, ...shape, ...owner })
    const other = apiKeys({ keys: memoryApiKeys(), prefix: 'oth_', header: 'x-user-token' })
    const sources = [apiKeys({ keys, prefix: 'inv_' }), other]
    expect(await verdict(await startServer({ sources }), lines(text))).toBe(expected)
    expect(keys.found).toEqual([])
  })

  test('J4 cannot be configured behind a source that would be shown its keys', () => {
    const first = introspected({
      iss: 'https://login.example.com',
      endpoint: 'https://login.example.com/introspect',
      clientId: 'server',
      clientSecret: 'secret',
      audience: 'server',
      kind: 'user',
    })
    const keys = memoryApiKeys()
    const build = (...sources: Source[]) => startServer({ sources })
    const mine = apiKeys({ keys, prefix: 'inv_' })
    const all = apiKeys({ keys, prefix: null })
    return Promise.all([
      expect(build(direct({ issuer: first }), mine)).rejects.toThrow('put apiKeys first'),
      expect(build(all, mine)).rejects.toThrow('put apiKeys first'),
      expect(build(mine, apiKeys({ keys, prefix: 'inv_' }))).rejects.toThrow('put apiKeys first'),
      expect(
        build(mine, apiKeys({ keys, prefix: 'oth_' }), direct({ issuer: first })),
      ).resolves.toBeDefined(),
    ])
  })

  test('J5 answers 503 when keys cannot be looked up, and to a flood of them', async () => {
    const failing = apiKeys({ keys: () => Promise.reject(new Error('gone')), prefix: null })
    const key = 'k'.repeat(40)
    expect(await verdict(await startServer({ sources: [failing] }), bearer(key))).toBe(
      '503 store_unavailable',
    )
    let release = (): void => undefined
    const waiting = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined)
    })
    const slow = await startServer({ sources: [apiKeys({ keys: () => waiting, prefix: null })] })
    const headers = { authorization: `Bearer ${key}` }
    const asked = Array.from({ length: 65 }, () =>
      slow.authenticator
        .authenticate({ headers })
        .catch((error: { reason: string }) => error.reason),
    )
    expect(await asked[64]).toBe('api_keys_busy')
    release()
    expect(new Set(await Promise.all(asked.slice(0, 64)))).toEqual(new Set(['api_key_unknown']))
  })

  test.each<[string, object, string]>([
    ['without an end', { expiresAt: undefined }, '503 internal_error'],
    ['whose end is not a number', { expiresAt: Number.NaN }, '503 internal_error'],
    ['of no kind', { kind: undefined }, '503 internal_error'],
    ['of nobody', { subject: '' }, '503 internal_error'],
    ['whose scopes are a text', { scopes: 'notes:read' }, '503 internal_error'],
    ['with a longer life than the server takes', { expiresAt: now + 91 * 86_400 }, '401 lifetime'],
  ])('J6 refuses a record %s', async (_, wrong, expected) => {
    const record = { id: 'k1', ...owner, createdAt: now, expiresAt: now + 60, ...wrong } as ApiKey
    const find: ApiKeyStore['find'] = async () => record
    const server = await startServer({ sources: [apiKeys({ keys: find, prefix: null })] })
    expect(await verdict(server, bearer('k'.repeat(40)))).toBe(expected)
  })

  test('J6 takes a workload for a service, whatever its record says', async () => {
    const subject = 'spiffe://prod.example/agent'
    const record = { id: 'k1', ...owner, subject, createdAt: now, expiresAt: now + 60 }
    const server = await startServer({
      sources: [apiKeys({ keys: async () => record, prefix: null })],
    })
    expect(await verdict(server, bearer('k'.repeat(40)))).toBe('200')
    expect(server.handled[0]?.kind).toBe('service')
  })
})

test.each<[string, object]>([
  ['no keys', { prefix: 'inv_' }],
  ['no prefix', { keys: memoryApiKeys() }],
  ['a prefix without an end', { keys: memoryApiKeys(), prefix: 'inv' }],
  ['an endless life', { keys: memoryApiKeys(), prefix: 'inv_', maxLifetimeSeconds: Infinity }],
  ['a misspelt option', { keys: memoryApiKeys(), prefix: 'inv_', heder: 'x-api-key' }],
])('apiKeys with %s: TypeError', (_, options) => {
  expect(() => apiKeys(options as never)).toThrow(TypeError)
})

test.each<[string, object]>([
  ['no life', { lifetimeSeconds: undefined }],
  ['an endless life', { lifetimeSeconds: Infinity }],
  ['no kind', { kind: undefined }],
  ['a prefix of two parts', { prefix: 'inv_live_' }],
])('createApiKey with %s: TypeError', async (_, wrong) => {
  const keys = memoryApiKeys()
  await expect(createApiKey({ keys, ...shape, ...owner, ...wrong } as never)).rejects.toThrow(
    TypeError,
  )
})
