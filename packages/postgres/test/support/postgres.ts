import { Pool, type PoolConfig } from 'pg'

/** Where the Postgres for tests is; the standard variables of the environment name another one. */
const server: PoolConfig = {
  host: process.env['PGHOST'] ?? '127.0.0.1',
  port: Number(process.env['PGPORT'] ?? 5432),
  user: process.env['PGUSER'] ?? 'postgres',
  database: process.env['PGDATABASE'] ?? 'postgres',
  connectionTimeoutMillis: 5_000,
}

/** A pool for a superuser, on the given database. */
export function newPool(config: PoolConfig = {}): Pool {
  const pool = new Pool({ ...server, ...config })
  // Dropping a database ends connections that wait in a pool.
  pool.on('error', () => undefined)
  return pool
}

async function findPostgres(): Promise<boolean> {
  const pool = newPool()
  try {
    await pool.query('SELECT 1')
    return true
  } catch (cause) {
    const place = `${server.host}:${server.port}`
    const line = `no Postgres answers at ${place}: name one with PGHOST and PGPORT`
    if (process.env['CI'] === 'true') throw new Error(line, { cause })
    process.stderr.write(`SKIPPED, ${line}\n`)
    return false
  } finally {
    await pool.end()
  }
}

/** Whether the tests of this file can run. In CI they have to. */
export const hasPostgres: boolean = await findPostgres()
