import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FindingKind, type LogHead, type LogReport, verifyLog } from '@onbehalf/audit'
import { postgresSink, verifyPostgresLog } from '@onbehalf/postgres'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { eventOf } from '../../audit/test/support/events.ts'
import { newSigner } from '../../audit/test/support/log.ts'
import { type Database, newDatabase, newSink } from './support/database.ts'
import { hasPostgres } from './support/postgres.ts'

const size = 1_200
const signer = newSigner()
const publicKeys = [signer.publicKey]

describe.skipIf(!hasPostgres)('a log in Postgres', () => {
  let database: Database
  beforeAll(async () => {
    database = await newDatabase()
    await write(size)
    await database.pool.query(`
      CREATE TABLE good_events AS SELECT chain, seq, record FROM onbehalf.events;
      CREATE TABLE good_heads AS SELECT chain, head FROM onbehalf.heads ORDER BY place`)
  })
  afterAll(() => database.drop())

  async function write(count: number): Promise<void> {
    const connection = await database.login('onbehalf_writer')
    const sink = postgresSink({ connection, signer })
    await Promise.all(Array.from({ length: count }, (_, number) => sink.write(eventOf(number))))
    await sink.close()
  }

  /** Puts the log back to what was written. */
  async function restore(): Promise<void> {
    await database.pool.query(`
      TRUNCATE onbehalf.events, onbehalf.heads;
      INSERT INTO onbehalf.events (chain, seq, record) SELECT * FROM good_events;
      INSERT INTO onbehalf.heads (chain, head) SELECT * FROM good_heads`)
  }

  /** Changes the log as its owner can. */
  async function tamper(statements: string): Promise<void> {
    await restore()
    // The columns of a line that is not a record would be empty, and ids would come twice.
    await database.pool.query(`
      ALTER TABLE onbehalf.events DISABLE TRIGGER ALL;
      ALTER TABLE onbehalf.events DROP CONSTRAINT IF EXISTS events_id_key;
      ALTER TABLE onbehalf.events DROP CONSTRAINT IF EXISTS events_pkey`)
    await database.pool.query(statements)
    await database.pool.query('ALTER TABLE onbehalf.events ENABLE TRIGGER ALL')
  }

  /** What `verifyLog` says of the same rows, written to files line by line. */
  async function verifyExported(heads: readonly LogHead[]): Promise<LogReport> {
    const directory = mkdtempSync(join(tmpdir(), 'onbehalf-postgres-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const write = async (query: string, suffix: string): Promise<void> => {
      const { rows } = await database.pool.query<{ chain: string; text: string }>(query)
      for (const { chain, text } of rows) {
        writeFileSync(join(directory, `${chain}${suffix}`), `${text}\n`, { flag: 'a' })
      }
    }
    const chains = 'SELECT chain FROM onbehalf.events UNION SELECT chain FROM onbehalf.heads'
    const { rows } = await database.pool.query<{ chain: string }>(chains)
    for (const { chain } of rows) writeFileSync(join(directory, `${chain}.heads.jsonl`), '')
    await write('SELECT chain, record AS text FROM onbehalf.events ORDER BY seq', '-00000001.jsonl')
    await write('SELECT chain, head AS text FROM onbehalf.heads ORDER BY place', '.heads.jsonl')
    return verifyLog(directory, { publicKeys, heads })
  }

  /** The report without the places where files and tables differ. */
  function withoutFiles(report: LogReport): unknown {
    const chains = report.chains.map(({ findings, ...chain }) => ({
      ...chain,
      findings: findings.map((finding) => ({ ...finding, file: undefined })),
    }))
    return { ...report, chains }
  }

  async function verify(heads: readonly LogHead[] = []): Promise<LogReport> {
    const report = await verifyPostgresLog(database.pool, { publicKeys, heads })
    expect(withoutFiles(report)).toEqual(withoutFiles(await verifyExported(heads)))
    return report
  }

  it('verifies as it was written', async () => {
    await restore()
    expect(await verify()).toMatchObject({
      ok: true,
      signaturesChecked: true,
      records: size,
      chains: [{ covered: size, findings: [] }],
    })
  })

  const at = (seq: number): string => `(SELECT record FROM good_events WHERE seq = ${seq})`
  const shift = (from: number, by: number): string =>
    `UPDATE onbehalf.events SET seq = seq + ${by} WHERE seq >= ${from};`
  const copyOf = (seq: number, to: number): string =>
    `INSERT INTO onbehalf.events
     SELECT (jsonb_populate_record(e, '{"seq": ${to}}')).* FROM onbehalf.events AS e
     WHERE record = ${at(seq)} LIMIT 1;`

  it.each<[what: string, statements: string, kind: FindingKind, seq: number]>([
    [
      'an event is edited',
      "UPDATE onbehalf.events SET record = replace(record, 'deny', 'allow') WHERE seq = 700",
      'changed',
      700,
    ],
    [
      'a row holds no record',
      "UPDATE onbehalf.events SET record = '' WHERE seq = 700",
      'changed',
      700,
    ],
    ['a row is deleted', 'DELETE FROM onbehalf.events WHERE seq = 700', 'missing', 700],
    ['the first row is deleted', 'DELETE FROM onbehalf.events WHERE seq = 1', 'missing', 1],
    [
      'rows are deleted and the others moved up',
      `DELETE FROM onbehalf.events WHERE seq BETWEEN 500 AND 504; ${shift(505, -5)}`,
      'missing',
      500,
    ],
    [
      'two records are exchanged',
      `UPDATE onbehalf.events SET record = CASE seq WHEN 500 THEN ${at(501)} ELSE ${at(500)} END
       WHERE seq IN (500, 501)`,
      'swapped',
      500,
    ],
    [
      'two rows are renumbered',
      'UPDATE onbehalf.events SET seq = 1201 - seq WHERE seq IN (600, 601)',
      'swapped',
      600,
    ],
    ['a record is copied behind itself', shift(501, 1) + copyOf(500, 501), 'duplicated', 500],
    ['a record is copied elsewhere', shift(900, 1) + copyOf(100, 900), 'inserted', 900],
    [
      'a row is added',
      `${shift(900, 1) + copyOf(100, 900)} UPDATE onbehalf.events SET record = '{}' WHERE seq = 900`,
      'inserted',
      900,
    ],
    [
      'older records replace newer ones',
      `UPDATE onbehalf.events AS e SET record = good.record FROM good_events AS good
       WHERE e.seq > 1000 AND good.seq = e.seq - 800`,
      'replayed',
      1_001,
    ],
    ['the end is deleted', 'DELETE FROM onbehalf.events WHERE seq > 1000', 'truncated', 1_001],
    ['all rows are deleted', 'DELETE FROM onbehalf.events', 'truncated', 1],
  ])('is found to be tampered with when %s', async (_, statements, kind, seq) => {
    await tamper(statements)
    const report = await verify()
    expect(report.ok).toBe(false)
    expect(report.chains[0]?.findings[0]).toMatchObject({ kind, seq, file: 'onbehalf.events' })
  })

  it('is not proven when its heads are deleted, or rolled back', async () => {
    for (const [condition, first] of [
      ['true', 1],
      ['head NOT LIKE \'%"size":0,%\'', 1],
    ] as const) {
      await tamper(`DELETE FROM onbehalf.heads WHERE ${condition}`)
      const report = await verify()
      expect(report).toMatchObject({ verdict: 'unproven', ok: false, records: size })
      expect(report.chains[0]?.findings).toMatchObject([{ kind: 'unproven', seq: first }])
    }
  })

  it.each<[what: string, statements: string, detail: string]>([
    [
      'are put in another order',
      `INSERT INTO onbehalf.heads (chain, head)
       SELECT chain, head FROM good_heads WHERE head LIKE '%"size":0,%'`,
      'the head knows fewer records than one before it',
    ],
    [
      'are edited',
      `UPDATE onbehalf.heads SET head = replace(head, '"time":"2', '"time":"1')`,
      'no key that was given signed this head',
    ],
    [
      'are not heads',
      "UPDATE onbehalf.heads SET head = '{}'",
      'the line is not a head of this chain',
    ],
  ])('is found to be tampered with when its heads %s', async (_, statements, detail) => {
    await tamper(statements)
    const report = await verify()
    expect(report.ok).toBe(false)
    expect(report.chains[0]?.findings[0]).toMatchObject({
      kind: 'head',
      file: 'onbehalf.heads',
      detail,
    })
  })

  it('is found to be an older copy, or to lack a chain, by heads that were kept elsewhere', async () => {
    await restore()
    const kept: LogHead[] = []
    const connection = await database.login('onbehalf_writer')
    const anchor = (head: LogHead): Promise<void> => Promise.resolve(void kept.push(head))
    const sink = postgresSink({ connection, signer, anchor })
    await sink.write(eventOf(1))
    await sink.close()
    expect(await verify(kept)).toMatchObject({ ok: true, records: size + 1 })
    await restore()
    expect((await verify()).ok).toBe(true)
    const report = await verify(kept)
    const lost = report.chains.find(({ chain }) => chain === kept[0]?.chain)
    expect(lost?.findings[0]).toMatchObject({ kind: 'replayed', seq: 1 })
  })

  it('holds a chain for each sink, however many write at once', async () => {
    await restore()
    const sinks = await Promise.all(Array.from({ length: 4 }, () => newSink(database, { signer })))
    const writes = sinks.flatMap((sink) =>
      Array.from({ length: 100 }, (_, number) => sink.write(eventOf(number))),
    )
    await Promise.all(writes)
    await Promise.all(sinks.map((sink) => sink.close()))
    const report = await verify()
    expect(report).toMatchObject({ ok: true, records: size + 400 })
    expect(report.chains.map(({ records }) => records).toSorted((a, b) => a - b)).toEqual([
      100,
      100,
      100,
      100,
      size,
    ])
  })

  it('can be verified in SQL alone', async () => {
    const query = `
      SELECT chain, seq FROM (
        SELECT chain, seq, record::jsonb AS r,
          lag(record::jsonb ->> 'hash') OVER (PARTITION BY chain ORDER BY seq) AS before,
          encode(sha256(convert_to(regexp_replace(
            record, '"hash":"[\\w-]{43}",("prev":"[\\w-]{43}","seq":\\d+})$', '\\1'
          ), 'UTF8')), 'base64') AS digest
        FROM onbehalf.events
      ) AS records
      WHERE r ->> 'hash' <> translate(digest, '+/=', '-_')
        OR r ->> 'prev' <> before OR (r ->> 'seq')::bigint <> seq`
    await restore()
    expect((await database.pool.query(query)).rows).toEqual([])
    await tamper(
      "UPDATE onbehalf.events SET record = replace(record, 'deny', 'allow') WHERE seq = 7",
    )
    expect((await database.pool.query(query)).rows).toMatchObject([{ seq: '7' }])
  })
})
