import { type AuditTrail, createAuditTrail } from '@onbehalf/audit'
import { IdentityError } from '@onbehalf/core'
import { type PostgresSink, type PostgresSinkOptions, verifyPostgresLog } from '@onbehalf/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startAuditedSite } from '../../../test/e2e/support/audited-site.ts'
import { eventOf } from '../../audit/test/support/events.ts'
import { ada, key } from '../../audit/test/support/trail.ts'
import { type Database, newDatabase, newSink } from './support/database.ts'
import { hasPostgres } from './support/postgres.ts'
import { newProxy, type Proxy } from './support/proxy.ts'

const timeoutSeconds = 1

/** A strict trail that has to get by with what its sink says: it would wait a minute itself. */
function strictTrail(sink: PostgresSink): AuditTrail {
  return createAuditTrail({ mode: 'strict', key, sink, timeoutSeconds: 60 })
}

async function runCall(trail: AuditTrail): Promise<void> {
  const intent = await trail.intent({ identity: ada(), method: 'tools/call' })
  await intent.result({ outcome: 'ok' })
}

async function expectRefusal(call: Promise<unknown>): Promise<void> {
  const error = await call.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(IdentityError)
  expect(error).toMatchObject({
    code: 'AUDIT',
    status: 503,
    message: 'The call cannot be recorded',
    reason: expect.stringMatching(/^audit_(timeout|unavailable)$/) as string,
  })
}

describe.skipIf(!hasPostgres)('a strict trail on Postgres', () => {
  let database: Database
  beforeAll(async () => {
    database = await newDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(() => database.pool.query('TRUNCATE onbehalf.events, onbehalf.heads'))

  /** The log holds this many events, and is whole. */
  async function expectIntact(records: number): Promise<void> {
    expect(await verifyPostgresLog(database.pool)).toMatchObject({ ok: true, records })
  }

  async function countSessions(user: string, condition: string): Promise<number> {
    const { rowCount } = await database.pool.query(
      `SELECT FROM pg_stat_activity WHERE usename = $1 AND ${condition}`,
      [user],
    )
    return rowCount ?? 0
  }

  /** Holds a lock that every insert has to wait for. */
  async function lockLog(): Promise<() => Promise<void>> {
    const client = await database.pool.connect()
    await client.query('BEGIN; LOCK TABLE onbehalf.events IN ACCESS EXCLUSIVE MODE')
    return async () => {
      await client.query('COMMIT')
      client.release()
    }
  }

  /** Ends sessions of a role that wait for a lock, and returns how many there were. */
  async function killWaiting(user: string): Promise<number> {
    const { rowCount } = await database.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE usename = $1 AND wait_event_type = 'Lock'`,
      [user],
    )
    return rowCount ?? 0
  }

  async function proxiedSink(options: Partial<PostgresSinkOptions> = {}): Promise<{
    readonly proxy: Proxy
    readonly sink: PostgresSink
  }> {
    const proxy = await newProxy(await database.login('onbehalf_writer'))
    const { connection } = proxy
    return { proxy, sink: await newSink(database, { connection, timeoutSeconds, ...options }) }
  }

  it.each<[string, (proxy: Proxy) => unknown, (proxy: Proxy) => unknown]>([
    ['nothing listens', (proxy) => proxy.stop(), (proxy) => proxy.start()],
    [
      'it never reads',
      (proxy) => Object.assign(proxy, { mode: 'silence' }),
      (proxy) => Object.assign(proxy, { mode: 'forward' }),
    ],
  ])('answers 503 over HTTP and runs nothing while %s', async (_what, breakIt, mendIt) => {
    const { proxy, sink } = await proxiedSink()
    const site = await startAuditedSite({ sink, timeoutSeconds: 60 })
    expect(await site.call('before')).toEqual({ status: 200, isDone: true })
    await breakIt(proxy)
    for (const name of ['first', 'second']) {
      expect(await site.call(name)).toEqual({ status: 503, isDone: false })
    }
    await mendIt(proxy)
    expect(await site.call('after')).toEqual({ status: 200, isDone: true })
    expect(site.ran).toEqual(['before', 'after'])
  })

  it('refuses calls while nothing listens, and records them as soon as Postgres does', async () => {
    const { proxy, sink } = await proxiedSink()
    const trail = strictTrail(sink)
    await proxy.stop()
    await expectRefusal(runCall(trail))
    await expectRefusal(runCall(trail))
    await proxy.start()
    await runCall(trail)
    expect(await database.events()).toMatchObject([{ dropped: 2 }, { type: 'result' }])
    await expectIntact(2)
  })

  it('refuses calls while Postgres never reads, and records them as soon as it does', async () => {
    const { proxy, sink } = await proxiedSink()
    const trail = strictTrail(sink)
    proxy.mode = 'silence'
    await expectRefusal(runCall(trail))
    await expectRefusal(runCall(trail))
    proxy.mode = 'forward'
    await runCall(trail)
    expect(await database.events()).toMatchObject([{ dropped: 2 }, { type: 'result' }])
    await expectIntact(2)
  })

  it('refuses a call that Postgres falls silent on, and records it late', async () => {
    const { proxy, sink } = await proxiedSink()
    const trail = strictTrail(sink)
    await runCall(trail)
    proxy.mode = 'silence'
    await expectRefusal(runCall(trail))
    proxy.mode = 'forward'
    await runCall(trail)
    expect(await database.events()).toMatchObject([
      { type: 'intent' },
      { type: 'result' },
      { type: 'intent' },
      { type: 'intent', dropped: 1 },
      { type: 'result' },
    ])
    const report = await verifyPostgresLog(database.pool)
    expect(report).toMatchObject({ ok: true, chains: [{ unknownOutcomes: 1 }] })
  })

  it('gets over an idle connection that was lost without notice', async () => {
    const { proxy, sink } = await proxiedSink()
    const trail = strictTrail(sink)
    await runCall(trail)
    proxy.freeze()
    await runCall(trail)
    await expectIntact(4)
  })

  it('gets over an idle connection that Postgres ended', async () => {
    const connection = await database.login('onbehalf_writer')
    const trail = strictTrail(await newSink(database, { connection, timeoutSeconds }))
    await runCall(trail)
    await database.pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1',
      [connection.user],
    )
    await runCall(trail)
    await expectIntact(4)
  })

  it('leaves a server that takes no writes any longer, as after a failover', async () => {
    const connection = await database.login('onbehalf_writer')
    const role = `ALTER ROLE ${connection.user}`
    await database.pool.query(`${role} SET default_transaction_read_only TO on`)
    const trail = strictTrail(await newSink(database, { connection, timeoutSeconds }))
    await expectRefusal(runCall(trail))
    // A role's settings are those of the moment when it logs in.
    await database.pool.query(`${role} RESET default_transaction_read_only`)
    await runCall(trail)
    await expectIntact(2)
  })

  it('gets over the end of its connection in the middle of an insert', async () => {
    const connection = await database.login('onbehalf_writer')
    const trail = strictTrail(await newSink(database, { connection }))
    await runCall(trail)
    const unlock = await lockLog()
    const call = runCall(trail)
    while ((await killWaiting(connection.user ?? '')) === 0) continue
    await unlock()
    await call
    await expectIntact(4)
  })

  it('refuses a call whose connections are ended again and again, and continues', async () => {
    const connection = await database.login('onbehalf_writer')
    const trail = strictTrail(await newSink(database, { connection, timeoutSeconds }))
    await runCall(trail)
    const unlock = await lockLog()
    let isRefused = false
    const call = expectRefusal(runCall(trail)).finally(() => {
      isRefused = true
    })
    let killed = 0
    while (!isRefused) killed += await killWaiting(connection.user ?? '')
    await call
    expect(killed).toBeGreaterThan(1)
    await unlock()
    await runCall(trail)
    const report = await verifyPostgresLog(database.pool)
    expect(report).toMatchObject({ ok: true, records: 5, chains: [{ unknownOutcomes: 1 }] })
  })

  it('leaves no insert waiting in Postgres that nobody waits for any longer', async () => {
    const connection = await database.login('onbehalf_writer')
    const trail = strictTrail(await newSink(database, { connection, timeoutSeconds }))
    await runCall(trail)
    const unlock = await lockLog()
    await expectRefusal(runCall(trail))
    await vi.waitFor(
      async () => expect(await countSessions(connection.user ?? '', "state = 'active'")).toBe(0),
      10_000,
    )
    await unlock()
  })

  it('holds no more than its bound while Postgres is stuck, and refuses the rest at once', async () => {
    const sink = await newSink(database, { maxQueued: 50, timeoutSeconds: 60 })
    await sink.ready()
    const trail = strictTrail(sink)
    const unlock = await lockLog()
    let settled = 0
    const note = (): void => {
      settled += 1
    }
    const kept = Array.from({ length: 50 }, () => runCall(trail).finally(note))
    await Promise.all(Array.from({ length: 950 }, () => expectRefusal(runCall(trail))))
    expect(settled).toBe(0)
    await unlock()
    await Promise.all(kept)
    await expectIntact(100)
  })

  it('keeps an event once whose commit was never acknowledged', async () => {
    const { proxy, sink } = await proxiedSink()
    await sink.ready()
    proxy.mode = 'cut the next answer'
    const event = eventOf(1)
    await expect(sink.write(event)).rejects.toThrow(/^Postgres (was too slow|cannot be reached)/)
    // It was committed all the same, and a second attempt finds that out.
    expect(await database.events()).toEqual([event])
    const other = await newSink(database)
    await other.write(event)
    proxy.mode = 'forward'
    await sink.write(event)
    const next = eventOf(2)
    await sink.write(next)
    expect(await database.events()).toEqual([event, next])
    await expectIntact(2)
  })

  it('answers a call whose commit was acknowledged to nobody, once it can ask again', async () => {
    const { proxy, sink } = await proxiedSink({ timeoutSeconds: 10 })
    await sink.ready()
    proxy.mode = 'cut the next answer'
    proxy.afterCut = 'forward'
    await sink.write(eventOf(1))
    expect(proxy.mode).toBe('forward')
    await expectIntact(1)
  })

  it('does not forget a doubt over a refusal', async () => {
    const { proxy, sink } = await proxiedSink()
    await sink.ready()
    proxy.mode = 'cut the next answer'
    const [first, second] = [eventOf(1), eventOf(2)]
    await expect(sink.write(first)).rejects.toThrow(/^Postgres (was too slow|cannot be reached)/)
    proxy.mode = 'forward'
    await database.pool.query('REVOKE ALL ON onbehalf.events FROM onbehalf_writer')
    await expect(sink.write(eventOf(3))).rejects.toMatchObject({ code: '42501' })
    await database.pool.query(
      'GRANT INSERT (chain, seq, record) ON onbehalf.events TO onbehalf_writer',
    )
    await sink.write(second)
    expect(await database.events()).toEqual([first, second])
    await expectIntact(2)
  })

  it('closes in spite of a Postgres that is silent', async () => {
    const { proxy, sink } = await proxiedSink()
    await sink.write(eventOf(1))
    proxy.mode = 'silence'
    const written = sink.write(eventOf(2))
    await Promise.all([expect(written).rejects.toThrow('Postgres'), sink.close()])
  })
})
