import type { Store } from '@onbehalf/core'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Pool } from 'pg'
import { ask, assertPool, assertPrefix } from './ask.ts'

export interface PostgresStoreOptions {
  /** For a role that is a member of `onbehalf_store`. Its owner ends it. */
  readonly pool: Pool
  /**
   * In front of every key, so that several applications share one database: servers of one MCP resource
   * have the same prefix, others another one. At most 100 characters.
   */
  readonly prefix: string
}

const known: OptionNames<PostgresStoreOptions> = { pool: true, prefix: true }

// A row that has expired is as good as none, whether or not it was removed.
const add = `
  INSERT INTO onbehalf.store AS kept (key, value, expires_at)
  VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
  WHERE kept.expires_at <= clock_timestamp()
  RETURNING key`
const set = `
  INSERT INTO onbehalf.store (key, value, expires_at)
  VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
  RETURNING key`
const get = 'SELECT value FROM onbehalf.store WHERE key = $1 AND expires_at > clock_timestamp()'

/**
 * A store in the tables that `migrate` made, for processes that serve one resource: a proof, a token
 * or a logout that one of them saw is known to all. For those who run Postgres and no Redis.
 *
 * Each operation is one statement on one row. Rows that have expired are removed behind writes, a
 * thousand at a time.
 *
 * Operations reject when Postgres cannot be reached or does not answer within 2 seconds: the request is
 * then refused with 503, `store_unavailable`. How long a connection may take to be made is a setting
 * of the pool, `connectionTimeoutMillis`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env['STORE_URL'], connectionTimeoutMillis: 2000 })
 * const store = postgresStore({ pool, prefix: 'invoices:' })
 * dpop({ store })
 * ```
 */
export function postgresStore(options: PostgresStoreOptions): Store {
  assertOptions('postgresStore', options, known)
  const { pool, prefix } = options
  assertPool(pool)
  assertPrefix(prefix)
  const sweep = createSweep(pool)
  return {
    add: async (key, value, ttlSeconds) => {
      const added = await ask(pool, add, [prefix + key, value, ttlSeconds])
      sweep()
      return added.length === 1
    },
    set: async (key, value, ttlSeconds) => {
      await ask(pool, set, [prefix + key, value, ttlSeconds])
      sweep()
    },
    get: async (key) => {
      const [found] = await ask<{ value: string }>(pool, get, [prefix + key])
      return found?.value
    },
  }
}

const sweepSize = 1000
const sweepMilliseconds = 10_000

// Rows that another process is removing are left to it.
const removeExpired = `
  DELETE FROM onbehalf.store WHERE key IN (
    SELECT key FROM onbehalf.store WHERE expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT ${sweepSize} FOR UPDATE SKIP LOCKED
  )
  RETURNING true`

/** Removes rows that have expired, now and then: one statement at a time, for which nobody waits. */
function createSweep(pool: Pool): () => void {
  let nextAt = 0
  const sweep = async (): Promise<void> => {
    const removed = await ask(pool, removeExpired, [])
    // There are more.
    if (removed.length === sweepSize) nextAt = 0
  }
  return () => {
    if (performance.now() < nextAt) return
    nextAt = performance.now() + sweepMilliseconds
    // The next one finds what this one did not.
    sweep().catch(() => undefined)
  }
}
