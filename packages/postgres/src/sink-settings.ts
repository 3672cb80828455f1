import {
  type LogOptions,
  type LogSettings,
  logOptionNames,
  logSettings,
  positiveNumbers,
} from '@onbehalf/audit/internal'
import { assertOptions, isRecord, type OptionNames } from '@onbehalf/core/internal'
import type { ClientConfig } from 'pg'

/** Settings of a log in Postgres. */
export interface PostgresSinkOptions extends LogOptions {
  /**
   * Where Postgres is and who logs in: a connection string, or what `Client` of `pg` takes; what is
   * left out comes from the `PG*` variables of the environment. The role needs to be a member of
   * `onbehalf_writer` and nothing else. The sink sets `statement_timeout` and makes the socket.
   */
  readonly connection: string | ClientConfig
  /**
   * Seconds after which an event that is not committed is rejected. Keep it below `timeoutSeconds`
   * of the trail, so that the sink is what gives up. Default: 4.
   */
  readonly timeoutSeconds?: number
}

const optionNames: OptionNames<PostgresSinkOptions> = {
  ...logOptionNames,
  connection: true,
  timeoutSeconds: true,
}

/** Checked settings. */
export interface PostgresSinkSettings extends LogSettings {
  readonly config: ClientConfig
  readonly timeoutSeconds: number
}

/** @throws TypeError for options that are wrong */
export function postgresSinkSettings(options: PostgresSinkOptions): PostgresSinkSettings {
  assertOptions('postgresSink', options, optionNames)
  const { connection } = options
  if (!isRecord(connection) && typeof connection !== 'string') {
    throw new TypeError('connection must be a connection string or settings of a client')
  }
  const { timeoutSeconds } = positiveNumbers(options, { timeoutSeconds: 4 })
  const config: ClientConfig = {
    application_name: '@onbehalf/postgres',
    keepAlive: true,
    ...(isRecord(connection) ? connection : { connectionString: connection }),
    // A statement that no caller waits for any longer must not continue to wait for a lock.
    statement_timeout: Math.ceil(timeoutSeconds * 1000),
  }
  return { ...logSettings(options), config, timeoutSeconds }
}
