import { isRecord, isText } from '../internal/values.ts'

/** Whose key it is, and what it may do. The key itself is nowhere in it. */
export interface ApiKey {
  /** Names the key in lists, records and revocations. It is not a secret. */
  readonly id: string
  /** `'user'` for a personal access token, `'service'` for the key of a program. */
  readonly kind: 'user' | 'service'
  /** Under which `subject` is unique. With the `iss` of your users, the owner is the same principal. */
  readonly issuer: string
  readonly subject: string
  /** The one organization that the key acts in. */
  readonly organization?: string | undefined
  readonly scopes: readonly string[]
  /** Roles of the owner, in the organization where there is one. */
  readonly roles: readonly string[]
  /** Seconds since 1970, as are all times here. */
  readonly createdAt: number
  readonly expiresAt: number
  readonly revokedAt?: number | undefined
  /** To the minute. */
  readonly lastUsedAt?: number | undefined
}

/** Where keys are looked up, by the SHA-256 of their text in base64url. */
export interface ApiKeyStore {
  /** Rejects when it cannot tell: the request is then refused as `DOWN`. */
  find(hash: string): Promise<ApiKey | undefined>
  /** Keeps when a key was used last. Called once a minute for each key at most; nobody waits for it. */
  used?(id: string, at: number): Promise<void>
}

/** A store in which keys can be made and ended. */
export interface ManagedApiKeys extends ApiKeyStore {
  /** Rejects when there is a key with this hash or this id. */
  add(hash: string, key: ApiKey): Promise<void>
  /** Ends a key. @returns whether there was one that had not ended */
  revoke(id: string, at?: number): Promise<boolean>
  /** The keys of one owner, the newest first, with those that expired or were revoked. */
  list(owner: Pick<ApiKey, 'kind' | 'issuer' | 'subject'>): Promise<readonly ApiKey[]>
}

/**
 * Checks what a store answered: what is not understood must not turn into rights, or into a key without
 * an end.
 *
 * @throws TypeError for anything but a record of a key
 */
export function assertApiKey(key: unknown): asserts key is ApiKey {
  if (!isRecord(key)) throw wrong('an object')
  const { id, kind, issuer, subject, organization, scopes, roles } = key
  if (![id, issuer, subject].every(isText)) throw wrong('an id, an issuer and a subject')
  if (kind !== 'user' && kind !== 'service') throw wrong("'user' or 'service' as kind")
  if (organization !== undefined && !isText(organization)) throw wrong('a text as organization')
  const isList = (list: unknown): boolean => Array.isArray(list) && list.every(isText)
  if (![scopes, roles].every(isList)) throw wrong('lists of texts as scopes and roles')
  if (![key['createdAt'], key['expiresAt']].every(Number.isFinite)) throw wrong('times')
  const { revokedAt, lastUsedAt } = key
  const isTime = (time: unknown): boolean => time === undefined || Number.isFinite(time)
  if (![revokedAt, lastUsedAt].every(isTime)) throw wrong('times or undefined')
}

function wrong(needs: string): TypeError {
  return new TypeError(`The record of an API key needs ${needs}`)
}
