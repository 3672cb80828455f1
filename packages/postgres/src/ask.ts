import type { Pool, PoolClient, QueryConfig, QueryResultRow } from 'pg'

// A server that does not answer must not keep connections of the pool: others could not get one.
const timeoutMilliseconds = 2000

/** Runs one statement, which is its own transaction. Rejects when there was no answer in time. */
export async function ask<Row extends QueryResultRow>(
  connection: Pool | PoolClient,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  const timed: QueryConfig & { readonly query_timeout: number } = {
    text,
    values: [...values],
    query_timeout: timeoutMilliseconds,
  }
  const { rows } = await connection.query<Row>(timed)
  return rows
}

/** @throws TypeError for anything but a pool */
export function assertPool(pool: Pool): void {
  const isPool = typeof pool?.query === 'function' && typeof pool.connect === 'function'
  // A client has one connection, which nothing makes again.
  if (!isPool || !('totalCount' in pool)) throw new TypeError('pool must be a Pool of pg')
}

/** @throws TypeError for anything but a short text */
export function assertPrefix(prefix: string): void {
  const isText = typeof prefix === 'string' && prefix !== '' && prefix.length <= 100
  if (!isText) throw new TypeError('prefix must be a text of at most 100 characters')
}
