import type { ApiKey, ManagedApiKeys } from '@onbehalf/core/api-keys'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Pool } from 'pg'
import { ask, assertPool, assertPrefix } from './ask.ts'

export interface PostgresApiKeysOptions {
  /**
   * For a role that is a member of `onbehalf_store`, which finds keys, or of `onbehalf_keys`, which makes
   * and ends them. Its owner ends it.
   */
  readonly pool: Pool
  /** The same in all servers that take these keys. At most 100 characters. */
  readonly prefix: string
}

const known: OptionNames<PostgresApiKeysOptions> = { pool: true, prefix: true }

const members = `
  id, kind, issuer, subject, organization, scopes, roles,
  extract(epoch FROM created_at)::float8 AS created, extract(epoch FROM expires_at)::float8 AS expires,
  extract(epoch FROM revoked_at)::float8 AS revoked, extract(epoch FROM last_used_at)::float8 AS used`
const find = `SELECT ${members} FROM onbehalf.api_keys WHERE prefix = $1 AND hash = $2`
const list = `
  SELECT ${members} FROM onbehalf.api_keys
  WHERE prefix = $1 AND kind = $2 AND issuer = $3 AND subject = $4 ORDER BY created_at DESC`
const add = `
  INSERT INTO onbehalf.api_keys
    (prefix, hash, id, kind, issuer, subject, organization, scopes, roles, created_at, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10), to_timestamp($11))`
// Of several servers that note a use, the latest stays.
const use = `
  UPDATE onbehalf.api_keys SET last_used_at = greatest(last_used_at, to_timestamp($3))
  WHERE prefix = $1 AND id = $2`
const revoke = `
  UPDATE onbehalf.api_keys SET revoked_at = to_timestamp($3)
  WHERE prefix = $1 AND id = $2 AND revoked_at IS NULL RETURNING id`

interface Row {
  readonly id: string
  readonly kind: ApiKey['kind']
  readonly issuer: string
  readonly subject: string
  readonly organization: string | null
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly created: number
  readonly expires: number
  readonly revoked: number | null
  readonly used: number | null
}

/**
 * API keys in a table that `migrate` made, for `apiKeys` and `createApiKey` of `@onbehalf/core/api-keys`. A
 * look-up is one statement on a primary key.
 *
 * Operations reject when Postgres cannot be reached or does not answer within 2 seconds: the request is
 * then refused with 503, `store_unavailable`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { apiKeys } from '@onbehalf/core/api-keys'
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env['STORE_URL'], connectionTimeoutMillis: 2000 })
 * apiKeys({ keys: postgresApiKeys({ pool, prefix: 'invoices:' }), prefix: 'inv_' })
 * ```
 */
export function postgresApiKeys(options: PostgresApiKeysOptions): ManagedApiKeys {
  assertOptions('postgresApiKeys', options, known)
  const { pool, prefix } = options
  assertPool(pool)
  assertPrefix(prefix)
  return {
    find: async (hash) => {
      const [row] = await ask<Row>(pool, find, [prefix, hash])
      return row && toKey(row)
    },
    used: async (id, at) => {
      await ask(pool, use, [prefix, id, at])
    },
    add: async (hash, key) => {
      const { id, kind, issuer, subject, organization, scopes, roles } = key
      const owner = [id, kind, issuer, subject, organization ?? null, scopes, roles]
      await ask(pool, add, [prefix, hash, ...owner, key.createdAt, key.expiresAt])
    },
    revoke: async (id, at = Date.now() / 1000) => {
      const ended = await ask(pool, revoke, [prefix, id, at])
      return ended.length === 1
    },
    list: async ({ kind, issuer, subject }) => {
      const rows = await ask<Row>(pool, list, [prefix, kind, issuer, subject])
      return rows.map(toKey)
    },
  }
}

function toKey({ organization, created, expires, revoked, used, ...row }: Row): ApiKey {
  return {
    ...row,
    ...(organization !== null && { organization }),
    createdAt: created,
    expiresAt: expires,
    ...(revoked !== null && { revokedAt: revoked }),
    ...(used !== null && { lastUsedAt: used }),
  }
}
