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
    expect(applied.flat()).toEqual(['0001-log.sql', '0002-store.sql'])
    const { rows } = await database.pool.query('SELECT name FROM onbehalf.migrations ORDER BY name')
    expect(rows).toEqual([{ name: '0001-log.sql' }, { name: '0002-store.sql' }])
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
})
