import { readdir, readFile } from 'node:fs/promises'
import type { Pool, PoolClient } from 'pg'
import { inTransaction } from './in-transaction.ts'

// Any number, the same for all who migrate: the first 63 bits of SHA-256 of "onbehalf migrations".
const lock = '7395467990010656380'
const folder = new URL('../sql/', import.meta.url)

/**
 * Makes the schema `onbehalf`, or brings it up to date, and names what was done: the files of the
 * package's `sql` folder that the database did not have yet. All of them are applied, or none.
 *
 * Run it as the role that is to own the schema, before servers start; several processes may run it
 * at once. Where that role may not create roles, `onbehalf_writer`, `onbehalf_reader`,
 * `onbehalf_auditor` and `onbehalf_store` have to be there already.
 *
 * @throws DatabaseError of `pg`
 * @throws Error when the encoding of the database is not UTF8, or another role owns the schema or
 *   anything in it: that role could drop the log
 *
 * @example
 * ```ts
 * import { migrate } from '@onbehalf/postgres'
 * import { Pool } from 'pg'
 *
 * const pool = new Pool({ connectionString: process.env.OWNER_URL })
 * console.log(await migrate(pool))
 * await pool.end()
 * ```
 */
export function migrate(pool: Pool): Promise<readonly string[]> {
  return inTransaction(pool, 'BEGIN', applyAll)
}

async function applyAll(client: PoolClient): Promise<readonly string[]> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [lock])
  await assertEncoding(client)
  await client.query('CREATE SCHEMA IF NOT EXISTS onbehalf')
  await assertOwner(client)
  await client.query(`CREATE TABLE IF NOT EXISTS onbehalf.migrations (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`)
  const missing = await missingIn(client)
  for (const name of missing) {
    await client.query(await readFile(new URL(name, folder), 'utf8'))
    await client.query('INSERT INTO onbehalf.migrations (name) VALUES ($1)', [name])
  }
  return missing
}

// What another encoding cannot write of one event, it would refuse with all that wait beside it.
async function assertEncoding(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding')
  const encoding = rows[0]?.server_encoding
  if (encoding !== 'UTF8') {
    throw new Error(`the encoding of the database must be UTF8, and is ${encoding}`)
  }
}

const owners = `
  SELECT pg_get_userbyid(nspowner) AS owner FROM pg_catalog.pg_namespace
  WHERE nspname = 'onbehalf'
  UNION SELECT pg_get_userbyid(relowner) FROM pg_catalog.pg_class
  WHERE relnamespace = 'onbehalf'::regnamespace
  UNION SELECT pg_get_userbyid(proowner) FROM pg_catalog.pg_proc
  WHERE pronamespace = 'onbehalf'::regnamespace`

async function assertOwner(client: PoolClient): Promise<void> {
  const others = `SELECT owner FROM (${owners}) AS owners WHERE owner <> current_user`
  const { rows } = await client.query<{ owner: string }>(others)
  const [other] = rows
  if (other !== undefined) {
    throw new Error(`the schema onbehalf, or something in it, belongs to the role ${other.owner}`)
  }
}

/** Files are numbered: their names are in the order in which they are applied. */
async function missingIn(client: PoolClient): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM onbehalf.migrations')
  const applied = new Set(rows.map(({ name }) => name))
  const files = await readdir(folder)
  return files.filter((name) => name.endsWith('.sql') && !applied.has(name)).toSorted()
}
