import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Pool } from 'pg'
import { RateLimiterPostgres } from 'rate-limiter-flexible'
import { keepCounters, type LimitStore } from './memory.ts'

export interface PostgresLimitsOptions {
  /** For a role that is a member of `onbehalf_store`. Its owner ends it. */
  readonly pool: Pool
  /** In front of every key: the same in all servers that count together. At most 100 characters. */
  readonly prefix: string
}

const known: OptionNames<PostgresLimitsOptions> = { pool: true, prefix: true }

/**
 * Counts in the table that `migrate` of `@onbehalf/postgres` made, for limits that hold over all
 * processes: one statement on one row. When the seconds are over is decided by the clock of the process, so
 * keep the clocks of processes in step.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env['STORE_URL'], connectionTimeoutMillis: 2000 })
 * const store = postgresLimits({ pool, prefix: 'invoices:' })
 * ```
 */
export function postgresLimits(options: PostgresLimitsOptions): LimitStore {
  assertPostgresOptions('postgresLimits', options)
  const { pool, prefix } = options
  return keepCounters(
    ({ keyPrefix, ...settings }, isFirst) =>
      new RateLimiterPostgres({
        ...settings,
        keyPrefix: `${prefix}${keyPrefix}`,
        storeClient: pool,
        storeType: 'pool',
        schemaName: 'onbehalf',
        tableName: 'limits',
        tableCreated: true,
        // One of them removes old rows for all.
        clearExpiredByTimeout: isFirst,
      }),
  )
}

/** @throws TypeError when an option is missing, unknown or wrong */
export function assertPostgresOptions(name: string, options: PostgresLimitsOptions): void {
  assertOptions(name, options, known)
  const { pool, prefix } = options
  if (typeof pool?.query !== 'function') throw new TypeError('pool must be a Pool of pg')
  const isText = typeof prefix === 'string' && prefix !== '' && prefix.length <= 100
  if (!isText) throw new TypeError('prefix must be a text of at most 100 characters')
}
