import type { Store } from '@onbehalf/core'
import { sha256, textDigest, withDeadline } from '@onbehalf/core/internal'
import type { CryptoKey } from 'oauth4webapi'
import type { ApiToken } from './token.ts'

/** Tokens that several processes share. */
export interface SharedTokensOptions {
  readonly store: Store
  /**
   * Keys of 32 bytes (AES-256-GCM). The first one encrypts, all of them decrypt: put a new key in
   * front, and take the old one out when its tokens have expired.
   */
  readonly keys: readonly Uint8Array[]
}

/** Tokens in a store, which sees neither them nor whose they are. */
export interface SealedStore {
  get(key: string): Promise<ApiToken | undefined>
  set(key: string, token: ApiToken, ttlSeconds: number): Promise<void>
  drop(key: string): Promise<void>
}

const deadlineSeconds = 1
const version = 'v1'

interface SealingKey {
  readonly id: string
  readonly key: CryptoKey
}

/** @throws TypeError naming the option that is missing or wrong */
export function createSealedStore({ store, keys }: SharedTokensOptions): SealedStore {
  if (typeof store?.get !== 'function') throw new TypeError('sharedTokens.store is required')
  const valid = Array.isArray(keys) && keys.length > 0 && keys.every(isKey)
  if (!valid) throw new TypeError('sharedTokens.keys must hold keys of 32 bytes')
  // Copies, imported on first use: a caller may wipe theirs.
  const copies = keys.map((key) => Uint8Array.from(key))
  let imported: Promise<readonly SealingKey[]> | undefined
  const ready = (): Promise<readonly SealingKey[]> =>
    (imported ??= Promise.all(copies.map(importKey)))

  return {
    get: async (key) => {
      const name = await nameOf(key)
      const sealed = await inTime(() => store.get(name))
      return sealed ? open(sealed, name, await ready()) : undefined
    },
    set: async (key, token, ttlSeconds) => {
      const name = await nameOf(key)
      const sealed = await seal(token, name, await ready())
      await inTime(() => store.set(name, sealed, Math.ceil(ttlSeconds)))
    },
    drop: async (key) => {
      const name = await nameOf(key)
      await inTime(() => store.set(name, '', 1))
    },
  }
}

function isKey(key: unknown): key is Uint8Array {
  return key instanceof Uint8Array && key.length === 32
}

async function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<SealingKey> {
  const id = toText(await sha256(bytes)).slice(0, 8)
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  return { id, key }
}

async function nameOf(key: string): Promise<string> {
  return `downstream:${await textDigest(key)}`
}

async function seal(
  token: ApiToken,
  name: string,
  [first]: readonly SealingKey[],
): Promise<string> {
  if (first === undefined) throw new TypeError('no key')
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const plain = new TextEncoder().encode(JSON.stringify(token))
  const sealed = await crypto.subtle.encrypt(parameters(iv, name), first.key, plain)
  return [version, first.id, toText(iv), toText(new Uint8Array(sealed))].join('.')
}

/** Undefined for what was not sealed by one of these keys under this very name. */
async function open(
  text: string,
  name: string,
  keys: readonly SealingKey[],
): Promise<ApiToken | undefined> {
  const [kind, id, iv = '', sealed = '', ...rest] = text.split('.')
  const key = keys.find((candidate) => candidate.id === id)?.key
  if (kind !== version || key === undefined || rest.length > 0) return undefined
  try {
    const plain = await crypto.subtle.decrypt(parameters(toBytes(iv), name), key, toBytes(sealed))
    return JSON.parse(new TextDecoder().decode(plain)) as ApiToken
  } catch {
    return undefined
  }
}

// The name is authenticated too: an entry that was moved to another subject's place does not open.
function parameters(iv: Uint8Array<ArrayBuffer>, name: string) {
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(`${version}:${name}`) }
}

function inTime<T>(work: () => Promise<T>): Promise<T> {
  return withDeadline(deadlineSeconds, work, () => new Error('The store is too slow'))
}

function toText(bytes: Uint8Array): string {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}
