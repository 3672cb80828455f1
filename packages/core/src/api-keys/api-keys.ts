import type { Context } from '../context.ts'
import type { Credential, Credentials } from '../credentials/credentials.ts'
import { IdentityError } from '../errors.ts'
import { assertOptions, headerName } from '../internal/options.ts'
import type { Issuer } from '../issuer/issuer.ts'
import { isWorkload } from '../issuer/kind.ts'
import type { VerifiedToken } from '../issuer/verified-token.ts'
import type { RefusalReason } from '../reasons.ts'
import { namesIssuer, noteSample, type Source, toIdentity, verifyBy } from '../sources/source.ts'
import { orDown } from '../stores/guarded-store.ts'
import { type ApiKey, type ApiKeyStore, assertApiKey } from './api-key.ts'
import { longestLifeSeconds } from './create-api-key.ts'
import { isKeyText, keyPrefix } from './key-text.ts'

export interface ApiKeysOptions {
  /** Where keys are looked up by their hash: a store, or a function. */
  readonly keys: ApiKeyStore | ApiKeyStore['find']
  /**
   * What every key begins with, 2 to 15 letters and digits and `_`. Keys that `createApiKey` made have a
   * checksum, and a text without it is refused without a look-up. `null` for keys of another form: every
   * text of 32 to 256 characters that is not a JWT is then looked up.
   */
  readonly prefix: string | null
  /** Header that carries the key, alone or after `Bearer`. Default: `Authorization`. */
  readonly header?: string
  /**
   * Longest life of a key, 60 to 31,622,400 (366 days); one that was given a longer one is refused.
   * Revocations of the authenticator are kept as long. Default 7,776,000 (90 days).
   */
  readonly maxLifetimeSeconds?: number
}

const shortestOpaque = 32
const longestOpaque = 256
// Different keys that are looked up at one time: a flood of them must not take all connections.
const maxPending = 64
const usedSeconds = 60
// What a key opens, such as a stream, ends by then: the key is looked up again for the next one.
const identitySeconds = 3600

interface Rules {
  readonly store: ApiKeyStore
  readonly prefix: string | null
  readonly maxLifetimeSeconds: number
}

/**
 * API keys and personal access tokens: long random texts of which the server keeps the SHA-256 alone. Each
 * call looks its key up once, so that a key that was ended is refused from the next call on.
 *
 * @throws TypeError naming the option that is missing or wrong
 *
 * @example
 * ```ts
 * const keys = memoryApiKeys()
 * createAuthenticator({
 *   resource: 'https://mcp.example.com/mcp',
 *   sources: [apiKeys({ keys, prefix: 'inv_' }), direct({ issuer: people })],
 * })
 * ```
 */
export function apiKeys(options: ApiKeysOptions): Source {
  const header = headerName(options.header ?? 'authorization', 'header')
  const keyIssuer = toIssuer(toRules(options))
  assertOptions('apiKeys', options, {
    keys: true,
    prefix: true,
    header: true,
    maxLifetimeSeconds: true,
  })
  const source = Object.freeze<Source>({
    kind: 'apiKeys',
    tokenHeaders: [header],
    valueHeaders: [],
    issuers: [keyIssuer],
    authorizationIssuer: undefined,
    applies: (credentials: Credentials) => namesIssuer(credentials, header, [keyIssuer]),
    async identify(credentials: Credentials, context: Context) {
      const credential = credentials.token(header)
      if (credential === undefined) throw new IdentityError('MISSING', { reason: 'no_credential' })
      return toIdentity(await verifyBy(keyIssuer, credential, context), { source: 'apiKeys' })
    },
  })
  return noteSample(source, (options.prefix ?? '').padEnd(shortestOpaque, 'x'))
}

function toRules({ keys, prefix, maxLifetimeSeconds = 90 * 86_400 }: ApiKeysOptions): Rules {
  const store = typeof keys === 'function' ? { find: keys } : keys
  if (typeof store?.find !== 'function') throw new TypeError('keys is required')
  if (prefix !== null && !(typeof prefix === 'string' && keyPrefix.test(prefix))) {
    throw new TypeError('prefix must be letters and digits, then _, or null')
  }
  if (!(maxLifetimeSeconds >= 60 && maxLifetimeSeconds <= longestLifeSeconds)) {
    throw new TypeError(`maxLifetimeSeconds must be from 60 to ${longestLifeSeconds}`)
  }
  return { store, prefix, maxLifetimeSeconds }
}

/** Keys are opaque tokens that this server issued. */
function toIssuer(rules: Rules): Issuer {
  const { prefix, maxLifetimeSeconds } = rules
  const find = boundedFind(rules.store)

  async function verify(credential: Credential, context: Context): Promise<VerifiedToken> {
    if (!(await isKey(credential.text, prefix))) throw refused('api_key_malformed')
    const key = await find(await credential.hash())
    if (key === undefined) throw refused('api_key_unknown')
    assertApiKey(key)
    checkTimes(key, maxLifetimeSeconds, context.now)
    // A key is a separate session: a logout of another session does not end it.
    const claims = { iat: key.createdAt, sid: key.id }
    const { issuer, subject, id: tokenId } = key
    await context.checkRevoked({ issuer, subject, tokenId, claims })
    noteUse(rules.store, key, context)
    return toToken(key, context)
  }

  return {
    issuers: [],
    audiences: undefined,
    clients: undefined,
    scopes: [],
    maxLifetimeSeconds,
    opaque: true,
    recognizes: ({ token, text }) => token === undefined && text.startsWith(prefix ?? ''),
    verify,
    ready: async () => {},
  }
}

function isKey(text: string, prefix: string | null): boolean | Promise<boolean> {
  if (prefix !== null) return isKeyText(text, prefix)
  return text.length >= shortestOpaque && text.length <= longestOpaque
}

function boundedFind(store: ApiKeyStore): (hash: string) => Promise<unknown> {
  let pending = 0
  return async (hash) => {
    if (pending >= maxPending) {
      throw new IdentityError('DOWN', { reason: 'api_keys_busy', retryAfterSeconds: 1 })
    }
    pending += 1
    try {
      return await orDown(async () => store.find(hash))
    } finally {
      pending -= 1
    }
  }
}

function checkTimes(key: ApiKey, maxLifetimeSeconds: number, now: number): void {
  if (key.revokedAt !== undefined) throw refused('revoked')
  // Asked for what must hold, as with tokens.
  if (!(now < key.expiresAt)) throw refused('expired')
  if (!(key.expiresAt - key.createdAt <= maxLifetimeSeconds)) throw refused('lifetime')
}

/** A call does not fail because its time was not kept; the operator is notified. */
function noteUse(store: ApiKeyStore, key: ApiKey, context: Context): void {
  const { id, lastUsedAt = Number.NEGATIVE_INFINITY } = key
  if (store.used === undefined || lastUsedAt > context.now - usedSeconds) return
  void Promise.resolve()
    .then(() => store.used?.(id, Math.floor(context.now)))
    .catch((cause: unknown) => context.report({ type: 'key_use_not_kept', cause }))
}

function toToken(key: ApiKey, context: Context): VerifiedToken {
  const { id, roles } = key
  const organization =
    key.organization === undefined ? undefined : { id: key.organization, roles: [...roles] }
  const claims = Object.freeze(Object.create(null) as Record<string, unknown>)
  return {
    kind: isWorkload(key.subject) ? 'service' : key.kind,
    issuer: context.issuerName(key.issuer),
    subject: key.subject,
    client: undefined,
    organization,
    organizations: organization === undefined ? [] : [organization],
    actor: undefined,
    scopes: [...key.scopes],
    roles: [...roles],
    expiresAt: Math.min(key.expiresAt, context.now + identitySeconds),
    tokenId: id,
    verified: claims,
    exposed: claims,
    claims,
  }
}

function refused(reason: RefusalReason): IdentityError {
  return new IdentityError('TOK', { reason })
}
