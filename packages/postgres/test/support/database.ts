import { randomBytes } from 'node:crypto'
import type { AuditEvent } from '@onbehalf/audit'
import {
  migrate,
  type PostgresSink,
  type PostgresSinkOptions,
  postgresSink,
} from '@onbehalf/postgres'
import type { ClientConfig, Pool } from 'pg'
import { onTestFinished } from 'vitest'
import { newPool } from './postgres.ts'

/** A database of its own, with a log in it and roles that may use the log. */
export interface Database {
  /** For the owner. */
  readonly pool: Pool
  /** How a role logs in that is a member of the given ones and nothing else. */
  login(...memberOf: readonly string[]): Promise<ClientConfig>
  /** A pool for such a role; the database ends it. */
  poolFor(...memberOf: readonly string[]): Promise<Pool>
  /** Events in the order of their chains. */
  events(): Promise<AuditEvent[]>
  drop(): Promise<void>
}

/** An empty database without any log, made with these options of `CREATE DATABASE`. The caller drops it. */
export async function emptyDatabase(options = ''): Promise<Database> {
  const name = `onbehalf_test_${randomBytes(6).toString('hex')}`
  const server = newPool({ max: 1 })
  await server.query(`CREATE DATABASE ${name} ${options}`)
  const pools = [newPool({ database: name })]
  const roles: string[] = []
  const pool = pools[0] as Pool
  const login = async (...memberOf: readonly string[]): Promise<ClientConfig> => {
    const user = `${name}_${roles.length}`
    const password = randomBytes(12).toString('hex')
    roles.push(user)
    await server.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`)
    for (const group of memberOf) await server.query(`GRANT ${group} TO ${user}`)
    const { host, port } = pool.options
    return { host, port, database: name, user, password }
  }
  return {
    pool,
    login,
    poolFor: async (...memberOf) => {
      const own = newPool({ ...(await login(...memberOf)), max: 2 })
      pools.push(own)
      return own
    },
    events: async () => {
      const { rows } = await pool.query<{ record: string }>(
        'SELECT record FROM onbehalf.events ORDER BY chain, seq',
      )
      return rows.map(({ record }) => (JSON.parse(record) as { event: AuditEvent }).event)
    },
    drop: async () => {
      await Promise.all(pools.map((each) => each.end()))
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`)
      for (const role of roles) await server.query(`DROP ROLE ${role}`)
      await server.end()
    },
  }
}

/** A database with an empty log. The caller drops it. */
export async function newDatabase(): Promise<Database> {
  const database = await emptyDatabase()
  await migrate(database.pool)
  return database
}

/** A sink on the database, for a role that may write and nothing else; closed after the test. */
export async function newSink(
  database: Database,
  options: Partial<PostgresSinkOptions> = {},
): Promise<PostgresSink> {
  const connection = options.connection ?? (await database.login('onbehalf_writer'))
  const sink = postgresSink({ signer: null, ...options, connection })
  onTestFinished(() => sink.close())
  return sink
}
