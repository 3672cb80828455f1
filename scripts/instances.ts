/**
 * Kills what a service of four processes consists of, while 200 people call it, and counts what went wrong.
 *
 *   pnpm instances [SECONDS]
 *
 * Starts and ends its own Redis, Postgres with a standby, issuer, balancer and instances. Needs the
 * programs redis-server, postgres, initdb, pg_basebackup and pg_ctl. Exits 1 when anything was wrong.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type AuditEvent, localSigner, readLog, verifyLog } from '@onbehalf/audit'
import { migrate, verifyPostgresLog } from '@onbehalf/postgres'
import { createLocalIssuer } from '@onbehalf/testing'
import { Pool } from 'pg'
import { createBalancer } from './instances/balancer.ts'
import {
  bearerCall,
  createProver,
  createSessionCaller,
  limitedCall,
  type Person,
  revoke,
  Tally,
} from './instances/load.ts'
import {
  bundleInstance,
  end,
  endAll,
  freePort,
  type InstanceSettings,
  PostgresPair,
  startInstance,
  startRedis,
} from './instances/servers.ts'

const seconds = Number(process.argv[2] ?? 60)
const points = 3
const names = Array.from({ length: 200 }, (_, index) => `person-${index}`)
const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-instances-'))
chmodSync(scratch, 0o755)
process.once('exit', () => {
  endAll()
  rmSync(scratch, { recursive: true, force: true })
})
// A defect must not keep it running: people persist until they are served.
globalThis
  .setTimeout(
    () => {
      console.error('instances: not ended in time')
      process.exit(1)
    },
    (seconds + 120) * 1000,
  )
  .unref()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const [door, redisPort] = [await freePort(), await freePort()]
const origin = `http://127.0.0.1:${door}`
const resource = `${origin}/mcp`
const issuer = await createLocalIssuer({
  users: names.map((id) => ({ id })),
  clients: [{ id: 'app', secret: 'app-secret' }],
  resources: [{ uri: resource, scopes: ['mcp'] }],
  accessTokenSeconds: 3600,
})
const people: Person[] = []
for (const name of names) {
  people.push({ name, token: (await issuer.signIn({ user: name })).accessToken })
}

let redis = await startRedis(join(scratch, 'redis'), redisPort)
const postgres = await PostgresPair.start(join(scratch, 'postgres'))
const postgresUrl = `postgres://postgres@127.0.0.1:${postgres.port}/postgres`
const pool = new Pool({ connectionString: postgresUrl })
pool.on('error', () => undefined)
await migrate(pool)

const keyFile = join(scratch, 'key.pem')
await localSigner(keyFile)
const directories = ['c', 'd'].map((name) => join(scratch, name))
const ports = await Promise.all(names.slice(0, 4).map(freePort))
const settings = ports.map((port, index): InstanceSettings => {
  const directory = directories[index - 2]
  return {
    port,
    resource,
    issuer: issuer.issuer,
    prefix: 'instances:',
    redisUrl: `redis://127.0.0.1:${redisPort}`,
    postgresUrl,
    keyFile,
    points,
    ...(directory !== undefined && { directory }),
  }
})
const program = join(scratch, 'instance.mjs')
await bundleInstance(program)
const instances = await Promise.all(settings.map((its) => startInstance(program, its)))
const balancer = createBalancer(ports).listen(door, '127.0.0.1')

const tally = new Tally()
const until = performance.now() + seconds * 1000
const isOver = (): boolean => performance.now() > until
const any = (): Person => people[Math.floor(Math.random() * people.length)] as Person
const faults: string[] = []
let kills = 0
// A revocation is measured while Redis answers: what an outage costs is in its own line.
let revoking: Promise<void> = Promise.resolve()
let isQuiet = false

async function repeat(work: () => Promise<void>, pauseMilliseconds = 0): Promise<void> {
  while (!isOver()) {
    await work()
    await setTimeout(pauseMilliseconds)
  }
}

async function killOne(): Promise<void> {
  const index = Math.floor(Math.random() * instances.length)
  const [instance, its] = [instances[index], settings[index]]
  if (instance === undefined || its === undefined) return
  await end(instance, 'SIGKILL')
  kills += 1
  for (;;) {
    try {
      instances[index] = await startInstance(program, its)
      return
    } catch {
      // It does not start while Redis or Postgres is away.
      await setTimeout(500)
    }
  }
}

async function harm(name: string, work: () => Promise<void>): Promise<void> {
  isQuiet = true
  await revoking
  await work()
  await setTimeout(2000)
  isQuiet = false
  faults.push(name)
}

async function harmAll(): Promise<void> {
  const pause = (seconds * 1000 - 20_000) / 4
  await setTimeout(pause)
  await harm('Redis restarted', async () => {
    await end(redis, 'SIGKILL')
    redis = await startRedis(join(scratch, 'redis'), redisPort)
  })
  await setTimeout(pause)
  await harm('Redis paused for 10 s', async () => {
    redis.kill('SIGSTOP')
    await setTimeout(10_000)
    redis.kill('SIGCONT')
  })
  await setTimeout(pause)
  await harm('Postgres failed over', () => postgres.failOver())
}

const provers = await Promise.all(
  names.slice(0, 4).map((name) => createProver(issuer, resource, name)),
)
const callers = people.slice(0, 4).map(createSessionCaller)
await Promise.all([
  ...Array.from({ length: 6 }, () => repeat(() => bearerCall(tally, resource, any()), 10)),
  ...provers.map((prove) => repeat(() => prove(tally, resource), 20)),
  ...callers.map((call) => repeat(() => call(tally, `${origin}/v1`), 20)),
  repeat(() => limitedCall(tally, resource, people[Math.floor(Math.random() * 20)] as Person), 20),
  repeat(killOne, 2000),
  harmAll(),
  repeat(async () => {
    if (isQuiet) return
    revoking = revoke(
      tally,
      issuer,
      resource,
      ports.map((port) => `http://127.0.0.1:${port}`),
    )
    await revoking
  }, 500),
])

await Promise.all(instances.map((instance) => end(instance, 'SIGTERM')))
const ended = new Map<string, string>()
const done = new Set<string>()
const read = (event: AuditEvent): void => {
  const { call } = (event.arguments?.value ?? {}) as { call?: string }
  if (event.type === 'intent' && call !== undefined) ended.set(event.id, call)
  if (event.type === 'result') done.add(ended.get(event.intent ?? '') ?? '')
}
for await (const { event } of readLog(directories)) read(event)
const { rows } = await pool.query<{ record: string }>(
  'SELECT record FROM onbehalf.events ORDER BY chain, seq',
)
for (const { record } of rows) read((JSON.parse(record) as { event: AuditEvent }).event)
const lost = tally.acknowledged.filter((call) => !done.has(call)).length
const publicKeys = [readFileSync(`${keyFile}.pub`, 'utf8')]
const verdicts = [
  (await verifyLog(directories, { publicKeys })).verdict,
  (await verifyPostgresLog(pool, { publicKeys })).verdict,
]
await pool.end()
postgres.close()
balancer.close()
balancer.closeAllConnections()
await issuer.close()

const sorted = tally.refusedAfter.toSorted((a, b) => a - b)
const at = (part: number): string => `${Math.round(sorted[Math.floor(sorted.length * part)] ?? 0)}`
const over = [...tally.limited.values()].map((count) => Math.max(0, count - points))
const lastServed = Math.max(0, ...tally.late)
const waits = [...tally.waits].map(([kind, ms]) => `${kind} ${(ms / 1000).toFixed(1)} s`)
const table: readonly (readonly [string, string])[] = [
  ['faults', [`${kills} instances killed`, ...faults].join(', ')],
  ['calls decided for the wrong user', String(tally.wrong)],
  ['proofs and logout tokens sent again', `${tally.replays}, accepted ${tally.replayed}`],
  ['acknowledged calls without a record', `${lost} of ${tally.acknowledged.length}`],
  ['logs in directories, in Postgres', verdicts.join(', ')],
  [
    'revoked, last call served after',
    `${Math.round(lastServed)} ms of ${sorted.length / 4} logouts`,
  ],
  ['revoked, refused after p50, p90, max', `${at(0.5)}, ${at(0.9)}, ${at(0.9999)} ms`],
  [
    'limited calls above the limit, in all',
    `${over.reduce((a, b) => a + b, 0)} of ${over.length} people`,
  ],
  ['longest wait until a good call is served', waits.join(', ')],
  ['sessions opened', String(tally.sessions)],
]
console.log('| what | result |\n| --- | --- |')
for (const [what, result] of table) console.log(`| ${what} | ${result} |`)
console.log(
  `instances: ${tally.calls} calls, ${tally.wrong} wrong, ${tally.replayed} replayed, ${lost} lost`,
)
const isGood =
  tally.calls > 0 &&
  sorted.length > 0 &&
  tally.wrong + tally.replayed + lost === 0 &&
  over.every((count) => count === 0) &&
  lastServed <= 1000 &&
  !verdicts.includes('broken')
process.exit(isGood ? 0 : 1)
