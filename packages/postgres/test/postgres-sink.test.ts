import { randomUUID } from 'node:crypto'
import { createAuditTrail } from '@onbehalf/audit'
import { type PostgresSinkOptions, postgresSink } from '@onbehalf/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { eventOf } from '../../audit/test/support/events.ts'
import { newSigner } from '../../audit/test/support/log.ts'
import { ada, key } from '../../audit/test/support/trail.ts'
import { createCertificate } from '../../express/test/certificate.ts'
import { type Database, newDatabase, newSink } from './support/database.ts'
import { hasPostgres } from './support/postgres.ts'
import { newTlsFront } from './support/tls-front.ts'

describe('options of a sink', () => {
  it.each([
    [{ connection: 5 }, 'connection must be a connection string or settings of a client'],
    [{ connection: null }, 'connection must be a connection string or settings of a client'],
    [{ signer: undefined }, 'signer must not be undefined'],
    [{ signer: {} }, 'signer must be a signer, or null for a log without signatures'],
    [{ timeoutSeconds: 0 }, 'timeoutSeconds must be positive'],
    [{ maxQueued: -1 }, 'maxQueued must be positive'],
  ])('are refused when they are %j', (options, message) => {
    const all = { connection: {}, signer: null, ...options } as PostgresSinkOptions
    expect(() => postgresSink(all)).toThrow(new TypeError(message))
  })
})

describe.skipIf(!hasPostgres)('a sink on Postgres', () => {
  let database: Database
  beforeAll(async () => {
    database = await newDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(() => database.pool.query('TRUNCATE onbehalf.events, onbehalf.heads'))

  it('has committed an event when the write resolves', async () => {
    const sink = await newSink(database)
    const event = eventOf(1)
    await sink.write(event)
    expect(await database.events()).toEqual([event])
  })

  const swallow = `CREATE FUNCTION onbehalf.swallow() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NULL; END'`
  it.each<[string, string, string]>([
    [
      'a rule',
      'CREATE RULE frozen AS ON INSERT TO onbehalf.events DO INSTEAD NOTHING',
      'DROP RULE frozen ON onbehalf.events',
    ],
    [
      'a trigger',
      `${swallow}; CREATE TRIGGER frozen BEFORE INSERT ON onbehalf.events
        FOR EACH ROW EXECUTE FUNCTION onbehalf.swallow()`,
      'DROP TRIGGER frozen ON onbehalf.events; DROP FUNCTION onbehalf.swallow',
    ],
    [
      'a trigger that takes some rows',
      `${swallow}; CREATE TRIGGER frozen BEFORE INSERT ON onbehalf.events
        FOR EACH ROW WHEN (NEW.seq = 2) EXECUTE FUNCTION onbehalf.swallow()`,
      'DROP TRIGGER frozen ON onbehalf.events; DROP FUNCTION onbehalf.swallow',
    ],
  ])('acknowledges nothing that %s keeps out of the table', async (_, freeze, thaw) => {
    const sink = await newSink(database)
    await sink.ready()
    await database.pool.query(freeze)
    const writes = [1, 2, 3].map((number) => sink.write(eventOf(number)))
    const settled = await Promise.allSettled(writes)
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    await database.pool.query(thaw)
    const event = eventOf(4)
    // What was left of the batch is in the way of the first one after it.
    await sink.write(event).catch(() => sink.write(event))
    expect(await database.events()).toContainEqual(event)
  })

  it('reports a head that the table did not take', async () => {
    const told: unknown[] = []
    await database.pool.query(
      'CREATE RULE frozen AS ON INSERT TO onbehalf.heads DO INSTEAD NOTHING',
    )
    const sink = await newSink(database, { onError: (error) => told.push(error) })
    await sink.write(eventOf(1))
    await database.pool.query('DROP RULE frozen ON onbehalf.heads')
    expect(told).toContainEqual(new Error('Postgres did not keep the head'))
  })

  it('commits what waits together, in the order of the calls', async () => {
    const sink = await newSink(database)
    await sink.ready()
    const events = Array.from({ length: 1_000 }, (_, number) => eventOf(number))
    await Promise.all(events.map((event) => sink.write(event)))
    expect(await database.events()).toEqual(events)
    const { rows } = await database.pool.query(
      'SELECT count(DISTINCT xmin::text)::int AS transactions FROM onbehalf.events',
    )
    expect(rows).toEqual([{ transactions: 1 }])
  })

  it('fills a column for each thing that events are looked up by', async () => {
    const sink = await newSink(database)
    const trail = createAuditTrail({ mode: 'strict', key, sink })
    const target = { kind: 'tool', name: 'close_books' } as const
    const call = { identity: ada(), method: 'tools/call', target, guard: 'requireOrg' }
    const intent = await trail.intent(call)
    await intent.result({ outcome: 'ok' })
    await trail.refusal({ ...call, reason: 'wrong_organization' })
    const { rows } = await database.pool.query(
      `SELECT type, intent, organization, issuer, subject, client, method, target_kind,
         target_name, effect, reason, outcome, time = (record::jsonb #>> '{event,time}')::timestamptz
         AS is_timed
       FROM onbehalf.events ORDER BY seq`,
    )
    const common = {
      intent: null,
      organization: 'acme',
      issuer: 'https://people.example.com',
      subject: 'ada',
      client: 'agents',
      method: 'tools/call',
      target_kind: 'tool',
      target_name: 'close_books',
      effect: 'allow',
      reason: null,
      outcome: null,
      is_timed: true,
    }
    expect(rows).toEqual([
      { ...common, type: 'intent' },
      { ...common, type: 'result', intent: intent.id, outcome: 'ok' },
      { ...common, type: 'refusal', effect: 'deny', reason: 'wrong_organization' },
    ])
  })

  it.each([
    ['off', 'on'],
    ['local', 'on'],
    ['remote_apply', 'remote_apply'],
  ])('commits durably for a role with synchronous_commit %s', async (setting, used) => {
    const connection = await database.login('onbehalf_writer')
    await database.pool.query(`ALTER ROLE ${connection.user} SET synchronous_commit TO ${setting}`)
    await database.pool.query(`
      CREATE TABLE seen (setting text);
      GRANT INSERT ON seen TO PUBLIC;
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL;
      END $$;
      CREATE TRIGGER see AFTER INSERT ON onbehalf.events EXECUTE FUNCTION see()`)
    const sink = await newSink(database, { connection })
    await sink.write(eventOf(1))
    const { rows } = await database.pool.query('SELECT setting FROM seen')
    await database.pool.query('DROP TABLE seen; DROP FUNCTION see() CASCADE')
    expect(rows).toEqual([{ setting: used }])
  })

  it('keeps an event once: again, at the same time, beside new ones, and from another sink', async () => {
    const [sink, other] = [await newSink(database), await newSink(database)]
    const [first, second, third] = [eventOf(1), eventOf(2), eventOf(3)]
    await sink.write(first)
    await sink.write(first)
    await Promise.all([first, second, second, third].map((event) => sink.write(event)))
    await other.write(second)
    expect(await database.events()).toEqual([first, second, third])
  })

  it('refuses another event with the id of one that is there, and continues', async () => {
    const sink = await newSink(database)
    const [event, next] = [eventOf(1), eventOf(2)]
    await sink.write(event)
    await expect(sink.write({ ...event, method: 'tools/list' })).rejects.toThrow(
      'another event has the id of one of these, or another record has its place',
    )
    await sink.write(next)
    expect(await database.events()).toEqual([event, next])
  })

  it.each([
    [{ id: 'one' }, 'id and intent of an event must be UUIDs'],
    [{ intent: "x'); --" }, 'id and intent of an event must be UUIDs'],
    [{ time: 'yesterday' }, 'time of an event must be ISO 8601 in UTC, with milliseconds'],
    [
      { time: '2026-13-01T00:00:00.000Z' },
      'time of an event must be ISO 8601 in UTC, with milliseconds',
    ],
  ])('refuses an event with %j, and none of those that wait with it', async (wrong, message) => {
    const sink = await newSink(database)
    const good = eventOf(1)
    const written = sink.write(good)
    await expect(sink.write({ ...eventOf(2), ...wrong })).rejects.toThrow(new TypeError(message))
    await written
    expect(await database.events()).toEqual([good])
  })

  it('keeps texts that would break an index, a JSON column or a statement', async () => {
    const sink = await newSink(database)
    const incompressible = Array.from({ length: 200 }, () => randomUUID()).join('')
    const names = [
      '\u0000',
      '\\u0000',
      '\ud800',
      '\n',
      "'",
      '"',
      '{}',
      'NULL',
      '💥',
      incompressible,
    ]
    for (const name of names) {
      const organization = { id: name }
      await sink.write({ ...eventOf(1), target: { kind: 'tool', name }, organization })
    }
    const { rows } = await database.pool.query(
      'SELECT organization, target_name FROM onbehalf.events ORDER BY seq',
    )
    const kept = ['\\u{0}', '\\u0000', '\\u{D800}', ...names.slice(3)]
    expect(rows).toEqual(kept.map((name) => ({ organization: name, target_name: name })))
  })

  it('begins another chain when another party wrote to its own', async () => {
    const errors: unknown[] = []
    const sink = await newSink(database, { onError: (error) => errors.push(error) })
    await sink.write(eventOf(1))
    await database.pool.query(
      `INSERT INTO onbehalf.events (chain, seq, record)
       SELECT chain, 2, replace(record, id::text, gen_random_uuid()::text) FROM onbehalf.events`,
    )
    await expect(sink.write(eventOf(2))).rejects.toThrow('another record has its place')
    expect(errors).toHaveLength(1)
    const event = eventOf(3)
    await sink.write(event)
    const { rows } = await database.pool.query(
      'SELECT count(*)::int AS events FROM onbehalf.events GROUP BY chain ORDER BY 1',
    )
    expect(rows).toEqual([{ events: 1 }, { events: 2 }])
  })

  it('finishes what was taken, signs a last head, and takes nothing more', async () => {
    const signer = newSigner()
    const anchored: number[] = []
    const connection = await database.login('onbehalf_writer')
    const sink = postgresSink({
      connection,
      signer,
      anchor: ({ size }) => Promise.resolve(void anchored.push(size)),
    })
    const writes = Array.from({ length: 100 }, (_, number) => sink.write(eventOf(number)))
    await sink.close()
    await Promise.all(writes)
    await expect(sink.write(eventOf(101))).rejects.toThrow('the audit log is closed')
    const { rows } = await database.pool.query<{ head: string }>(
      'SELECT head FROM onbehalf.heads ORDER BY place',
    )
    const sizes = rows.map(({ head }) => (JSON.parse(head) as { size: number }).size)
    expect(sizes).toEqual([0, 100])
    expect(anchored).toEqual([0, 100])
    const sessions = await database.pool.query('SELECT FROM pg_stat_activity WHERE usename = $1', [
      connection.user,
    ])
    expect(sessions.rowCount).toBe(0)
  })

  it('asks one thing at a time, as the driver wants it, while heads and events are kept', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listen)
    onTestFinished(() => void process.off('warning', listen))
    const sink = await newSink(database, { headEveryRecords: 1 })
    for (let number = 0; number < 50; number++) await sink.write(eventOf(number))
    await sink.flush()
    expect(warnings).toEqual([])
    const { rows } = await database.pool.query('SELECT count(*)::int AS heads FROM onbehalf.heads')
    expect((rows as { heads: number }[])[0]?.heads).toBeGreaterThan(10)
  })

  it('speaks TLS to a server whose certificate it trusts, and to no other', async () => {
    const identity = createCertificate()
    const connection = await newTlsFront(await database.login('onbehalf_writer'), identity)
    const trusting = (ca: string): PostgresSinkOptions['connection'] => ({
      ...connection,
      ssl: { ca, checkServerIdentity: () => undefined },
    })
    const sink = await newSink(database, { connection: trusting(identity.cert) })
    const event = eventOf(1)
    await sink.write(event)
    const other = await newSink(database, { connection: trusting(createCertificate().cert) })
    await expect(other.write(eventOf(2))).rejects.toThrow('Postgres cannot be reached')
    expect(await database.events()).toEqual([event])
  })

  it('says at once what is wrong, when it is asked whether it is ready', async () => {
    const stranger = await newSink(database, { connection: await database.login() })
    await expect(stranger.ready()).rejects.toMatchObject({ code: '42501' })
    const writer = await newSink(database)
    await writer.ready()
    const { rows } = await database.pool.query('SELECT count(*)::int AS heads FROM onbehalf.heads')
    expect(rows).toEqual([{ heads: 1 }])
  })
})
