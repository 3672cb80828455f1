import type { Pool, QueryConfig } from 'pg'
import type { LeaseStore } from './leases.ts'
import { assertPostgresOptions, type PostgresLimitsOptions } from './postgres.ts'

const take = 'SELECT onbehalf.take_lease($1, $2, $3, $4) AS taken'
const renew = `
  INSERT INTO onbehalf.leases (key, id, expires_at)
  VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
  ON CONFLICT (key, id) DO UPDATE SET expires_at = excluded.expires_at`
const release = 'DELETE FROM onbehalf.leases WHERE key = $1 AND id = $2'

/**
 * Places of calls in the table that `migrate` of `@onbehalf/postgres` made, for `limitConcurrency` over all
 * processes: one statement each, by the clock of Postgres. The role is a member of `onbehalf_store`.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env['STORE_URL'], connectionTimeoutMillis: 2000 })
 * const store = postgresLeases({ pool, prefix: 'invoices:' })
 * ```
 */
export function postgresLeases(options: PostgresLimitsOptions): LeaseStore {
  assertPostgresOptions('postgresLeases', options)
  const { pool, prefix } = options
  return {
    take: async (key, id, places, seconds) => {
      const { rows } = await ask<{ taken: number }>(pool, take, [prefix + key, id, places, seconds])
      return rows[0]?.taken as number
    },
    renew: async (key, id, seconds) => void (await ask(pool, renew, [prefix + key, id, seconds])),
    release: async (key, id) => void (await ask(pool, release, [prefix + key, id])),
  }
}

// A server that does not answer must not keep connections of the pool.
const timeoutMilliseconds = 2000

function ask<Row extends object>(pool: Pool, text: string, values: readonly unknown[]) {
  const timed: QueryConfig & { readonly query_timeout: number } = {
    text,
    values: [...values],
    query_timeout: timeoutMilliseconds,
  }
  return pool.query<Row>(timed)
}
