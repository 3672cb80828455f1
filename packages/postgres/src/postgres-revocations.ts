import {
  assertOptions,
  createMirror,
  type MirrorEntry,
  type MirrorLog,
  type MirrorOptions,
  type MirrorPage,
  mirrorOptions,
  type OptionNames,
  type RevocationMirror,
} from '@onbehalf/core/internal'
import type { Pool, PoolClient } from 'pg'
import { ask, assertPool, assertPrefix } from './ask.ts'

export interface PostgresRevocationsOptions extends MirrorOptions {
  /**
   * For a role that is a member of `onbehalf_store`, with at least 2 connections, of which this keeps
   * one. Its owner ends it, after `close` of what this returns.
   */
  readonly pool: Pool
  /** The same in all servers that share revocations. At most 100 characters. */
  readonly prefix: string
}

const known: OptionNames<PostgresRevocationsOptions> = {
  pool: true,
  prefix: true,
  ...mirrorOptions,
}

/**
 * Revocations of all instances of a server, for `createAuthenticator({ revocations })`: kept in a table
 * that `migrate` made, and read by each instance when `NOTIFY` says that there is something new. A check
 * is answered from memory, and a revocation is refused by every instance within a second, also where a
 * pooler in between swallows notifications.
 *
 * @throws TypeError when an option is missing, unknown or wrong
 *
 * @example
 * ```ts
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env['STORE_URL'], connectionTimeoutMillis: 2000 })
 * const revocations = postgresRevocations({ pool, prefix: 'invoices:', whenStale: 'refuse' })
 * const sources = [direct({ issuer: people })]
 * const authenticator = createAuthenticator({ resource, sources, revocations })
 * await authenticator.ready()
 * ```
 */
export function postgresRevocations(options: PostgresRevocationsOptions): RevocationMirror {
  assertOptions('postgresRevocations', options, known)
  const { pool, prefix, ...mirror } = options
  assertPool(pool)
  assertPrefix(prefix)
  if (pool.options.max < 2) throw new TypeError('pool must have at least 2 connections')
  return createMirror(new RevocationTable(pool, prefix), mirror)
}

const pageSize = 1000
const read = `
  SELECT place::text AS cursor, key, value,
    extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds
  FROM onbehalf.revocations
  WHERE prefix = $1 AND place > $2 AND expires_at > clock_timestamp()
  ORDER BY place LIMIT ${pageSize}`

interface Row {
  readonly cursor: string
  readonly key: string
  readonly value: string
  readonly seconds: number
}

/** Rows in the order in which they were committed, which is the order of their places. */
class RevocationTable implements MirrorLog {
  readonly #pool: Pool
  readonly #prefix: string
  #wake = (): void => undefined
  #client: PoolClient | undefined
  #isClosed = false

  constructor(pool: Pool, prefix: string) {
    this.#pool = pool
    this.#prefix = prefix
  }

  follow(wake: () => void): void {
    this.#wake = wake
  }

  async append({ key, value, ttlSeconds }: MirrorEntry): Promise<void> {
    const revoke = 'SELECT onbehalf.revoke($1, $2, $3, $4)'
    await ask(this.#pool, revoke, [this.#prefix, key, value, ttlSeconds])
  }

  async read(after: string | undefined): Promise<MirrorPage> {
    // A server that took the place of another one may have lost rows, and given their places again.
    const from = this.#client === undefined ? undefined : after
    const client = (this.#client ??= await this.#listen())
    try {
      const rows = await ask<Row>(client, read, [this.#prefix, from ?? '0'])
      const entries = rows.map(({ key, value, seconds }) => ({ key, value, ttlSeconds: seconds }))
      const cursor = rows.at(-1)?.cursor ?? from
      return { entries, cursor, hasMore: rows.length === pageSize }
    } catch (error) {
      this.#drop(client)
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    if (this.#client !== undefined) this.#drop(this.#client)
  }

  /** A connection of the pool on which notifications arrive. It is given up when anything fails. */
  async #listen(): Promise<PoolClient> {
    const client = await this.#pool.connect()
    client.on('error', () => this.#drop(client))
    client.on('notification', () => this.#wake())
    try {
      await ask(client, 'LISTEN onbehalf_revocations', [])
      if (this.#isClosed) throw new Error('The revocations are closed')
      return client
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  #drop(client: PoolClient): void {
    if (this.#client !== client) return
    this.#client = undefined
    client.release(true)
  }
}
