import { verifyPostgresLog } from '@onbehalf/postgres'
import type { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventOf } from '../../audit/test/support/events.ts'
import { type Database, newDatabase, newSink } from './support/database.ts'
import { hasPostgres } from './support/postgres.ts'

// The beginning is what the index holds: these two must not be taken for each other.
const long = 'x'.repeat(300)
const organizations = ['acme', 'globex', `${long}1`, `${long}2`, undefined]

function codeOf(error: { readonly code?: string }): string | undefined {
  return error.code
}

describe.skipIf(!hasPostgres)('roles of the log', () => {
  let database: Database
  beforeAll(async () => {
    database = await newDatabase()
  })
  afterAll(() => database.drop())

  async function fill(): Promise<void> {
    await database.pool.query('TRUNCATE onbehalf.events, onbehalf.heads')
    const sink = await newSink(database)
    for (const id of organizations) {
      await sink.write({ ...eventOf(1), ...(id !== undefined && { organization: { id } }) })
    }
  }

  /** Organizations of the rows that the role sees with the given parameter. */
  async function seenBy(pool: Pool, organization: string | undefined): Promise<unknown[]> {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      if (organization !== undefined) {
        await client.query("SELECT set_config('onbehalf.organization', $1, true)", [organization])
      }
      const { rows } = await client.query<{ organization: string | null }>(
        'SELECT organization FROM onbehalf.events ORDER BY seq',
      )
      await client.query('COMMIT')
      return rows.map((row) => row.organization)
    } finally {
      client.release()
    }
  }

  it('show a reader the events of one organization, and without one none', async () => {
    await fill()
    const reader = await database.poolFor('onbehalf_reader')
    expect(await seenBy(reader, undefined)).toEqual([])
    expect(await seenBy(reader, 'acme')).toEqual(['acme'])
    expect(await seenBy(reader, `${long}2`)).toEqual([`${long}2`])
    expect(await seenBy(reader, 'ACME')).toEqual([])
    expect(await seenBy(reader, 'acme%')).toEqual([])
    // What a transaction before it set is over, and empty.
    expect(await seenBy(reader, undefined)).toEqual([])
    expect(await seenBy(reader, '')).toEqual([])
  })

  it('show an auditor all events and the heads, which verify', async () => {
    await fill()
    const auditor = await database.poolFor('onbehalf_auditor')
    expect(await seenBy(auditor, undefined)).toHaveLength(5)
    expect(await verifyPostgresLog(auditor)).toMatchObject({ ok: true, records: 5 })
  })

  it('let nobody verify who does not see all', async () => {
    const reader = await database.poolFor('onbehalf_reader')
    await expect(verifyPostgresLog(reader)).rejects.toMatchObject({ code: '42501' })
  })

  const insert = "INSERT INTO onbehalf.events (chain, seq, record) VALUES ('c', 1, '{}')"
  const insertHead = "INSERT INTO onbehalf.heads (chain, head) VALUES ('c', '{}')"
  const forbidden: Readonly<Record<string, readonly string[]>> = {
    onbehalf_writer: [
      'SELECT FROM onbehalf.events',
      'SELECT FROM onbehalf.heads',
      "INSERT INTO onbehalf.events (chain, seq, record, organization) VALUES ('c', 1, '{}', 'acme')",
      "INSERT INTO onbehalf.events (chain, seq, record) VALUES ('c', 1, '{}') ON CONFLICT (id) DO UPDATE SET record = ''",
    ],
    onbehalf_reader: [
      insert,
      insertHead,
      'SELECT FROM onbehalf.heads',
      "SELECT onbehalf.recorded('')",
    ],
    onbehalf_auditor: [insert, insertHead, "SELECT onbehalf.recorded('')"],
  }
  const changes = ['events', 'heads'].flatMap((table) => [
    `UPDATE onbehalf.${table} SET chain = 'x'`,
    `DELETE FROM onbehalf.${table}`,
    `TRUNCATE onbehalf.${table}`,
    `DROP TABLE onbehalf.${table}`,
    `ALTER TABLE onbehalf.${table} DISABLE ROW LEVEL SECURITY`,
    `ALTER TABLE onbehalf.${table} DISABLE TRIGGER ALL`,
  ])

  it.each(Object.keys(forbidden))('do not let %s do more than its part', async (role) => {
    await fill()
    const pool = await database.poolFor(role)
    const statements = [...changes, ...(forbidden[role] ?? [])]
    const refusals: (string | undefined)[] = []
    for (const statement of statements) {
      refusals.push(await pool.query(statement).then(() => statement, codeOf))
    }
    expect(refusals).toEqual(statements.map(() => '42501'))
    expect(await verifyPostgresLog(database.pool)).toMatchObject({ ok: true, records: 5 })
  })

  it('let a writer learn of no event that it does not hold', async () => {
    await fill()
    const writer = await database.poolFor('onbehalf_writer')
    const { rows } = await database.pool.query<{ record: string }>(
      "SELECT record FROM onbehalf.events WHERE organization = 'acme'",
    )
    const record = rows[0]?.record ?? ''
    const ask = async (line: string): Promise<number | null> =>
      (await writer.query('SELECT FROM onbehalf.recorded($1)', [line])).rowCount
    expect(await ask(record)).toBe(1)
    expect(await ask(record.replace('acme', 'globex'))).toBe(0)
  })

  it('let not even an owner leave a column that the record does not support', async () => {
    await fill()
    const count = async (): Promise<number | null> => {
      const query = "SELECT FROM onbehalf.events WHERE organization = 'acme'"
      return (await database.pool.query(query)).rowCount
    }
    await database.pool.query("UPDATE onbehalf.events SET organization = 'acme'")
    expect(await count()).toBe(1)
    const trigger = 'TRIGGER fill_columns'
    await database.pool.query(`ALTER TABLE onbehalf.events DISABLE ${trigger};
      UPDATE onbehalf.events SET organization = 'acme';
      ALTER TABLE onbehalf.events ENABLE ${trigger}`)
    expect(await count()).toBe(5)
    await database.pool.query('UPDATE onbehalf.events SET record = record')
    expect(await count()).toBe(1)
  })

  it('let no writer say in a column what the record does not say', async () => {
    await fill()
    const writer = await database.poolFor('onbehalf_writer')
    // Its own operators come first in the path of a writer who means harm.
    const schema = 'CREATE SCHEMA AUTHORIZATION CURRENT_USER'
    await expect(writer.query(schema)).rejects.toMatchObject({ code: '42501' })
    await database.pool.query(`CREATE SCHEMA harm;
      GRANT USAGE ON SCHEMA harm TO PUBLIC;
      CREATE FUNCTION harm.globex(jsonb, text[]) RETURNS text LANGUAGE sql AS $$ SELECT 'globex' $$;
      CREATE OPERATOR harm.#>> (LEFTARG = jsonb, RIGHTARG = text[], FUNCTION = harm.globex)`)
    const client = await writer.connect()
    await client.query('SET search_path TO harm, pg_catalog')
    await client.query('INSERT INTO onbehalf.events (chain, seq, record) VALUES ($1, 1, $2)', [
      'c',
      JSON.stringify({ event: { ...eventOf(1), organization: { id: 'acme' } } }),
    ])
    client.release()
    const { rows } = await database.pool.query(
      "SELECT organization FROM onbehalf.events WHERE chain = 'c'",
    )
    expect(rows).toEqual([{ organization: 'acme' }])
  })
})
