import type { Pool, PoolClient } from 'pg'

/** Runs work in a transaction on its own connection; a failure leaves nothing behind. */
export async function inTransaction<T>(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('COMMIT')
    client.release()
    return result
  } catch (error) {
    // Closing the connection undoes what it began.
    client.release(true)
    throw error
  }
}
