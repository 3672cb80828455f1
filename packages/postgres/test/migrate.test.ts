import { migrate } from '@onbehalf/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, emptyDatabase } from './support/database.ts'
import { hasPostgres, newPool } from './support/postgres.ts'

describe.skipIf(!hasPostgres)('migrate', () => {
  let database: Database
  beforeAll(async () => {
    database = await emptyDatabase()
  })
  afterAll(() => database.drop())

  it('makes the log once, however many processes begin at the same time', async () => {
    const pools = Array.from({ length: 4 }, () => newPool({ ...database.pool.options, max: 1 }))
    const applied = await Promise.all(pools.map(migrate))
    await Promise.all(pools.map((pool) => pool.end()))
    const files = ['0001-log.sql', '0002-store.sql', '0003-leases.sql', '0004-api-keys.sql']
    expect(applied.flat()).toEqual(files)
    const { rows } = await database.pool.query('SELECT name FROM onbehalf.migrations ORDER BY name')
    expect(rows).toEqual(files.map((name) => ({ name })))
  })

  it('does nothing to a log that is up to date', async () => {
    expect(await migrate(database.pool)).toEqual([])
  })

  it('changes nothing when it fails', async () => {
    const empty = await emptyDatabase()
    await empty.pool.query('CREATE SCHEMA onbehalf')
    await empty.pool.query('CREATE TABLE onbehalf.heads ()')
    await expect(migrate(empty.pool)).rejects.toMatchObject({ code: '42P07' })
    const { rows } = await empty.pool.query(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'onbehalf'",
    )
    expect(rows).toEqual([{ tablename: 'heads' }])
    await empty.drop()
  })

  it('refuses a database that cannot write every character', async () => {
    const latin = await emptyDatabase(
      `ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    )
    await expect(migrate(latin.pool)).rejects.toThrow('must be UTF8, and is LATIN1')
    const { rows } = await latin.pool.query(
      "SELECT nspname FROM pg_namespace WHERE nspname = 'onbehalf'",
    )
    expect(rows).toEqual([])
    await latin.drop()
  })

  it.each<[string, (role: string) => string]>([
    ['made the schema', (role) => `CREATE SCHEMA onbehalf AUTHORIZATION ${role}`],
    [
      'made a table in it',
      (role) => `CREATE SCHEMA onbehalf; CREATE TABLE onbehalf.migrations
        (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
        ALTER TABLE onbehalf.migrations OWNER TO ${role}`,
    ],
    [
      'made a function in it',
      (role) => `CREATE SCHEMA onbehalf; CREATE FUNCTION onbehalf.recorded() RETURNS int
        LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION onbehalf.recorded() OWNER TO ${role}`,
    ],
  ])('refuses a schema where another role %s before', async (_, statements) => {
    const empty = await emptyDatabase()
    const { user = '' } = await empty.login()
    await empty.pool.query(statements(user))
    await expect(migrate(empty.pool)).rejects.toThrow(`belongs to the role ${user}`)
    await empty.drop()
  })
})
