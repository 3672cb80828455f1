import type { AuditEvent, AuditSink } from '@onbehalf/audit'
import { CommitQueue, eventText } from '@onbehalf/audit/internal'
import { PostgresLog } from './postgres-log.ts'
import { type PostgresSinkOptions, postgresSinkSettings } from './sink-settings.ts'

/** A log in the tables of Postgres. */
export interface PostgresSink extends AuditSink {
  /**
   * Connects and begins a chain now instead of at the first event.
   *
   * @throws Error when Postgres cannot be reached or has no such log, or the role may not write to it
   */
  ready(): Promise<void>
  flush(): Promise<void>
}

/**
 * Keeps events in the hash-chained log that `migrate` made. An event is committed, with
 * `synchronous_commit` on, when `write` resolves; events that wait at the same time share one
 * insert. An event that is in the log already, by its id, is not written twice.
 *
 * `write` rejects when the event is not known to be committed after `timeoutSeconds`, and at once
 * when too much waits. After an outage the sink continues by itself. What was rejected for time may
 * still reach the log late.
 *
 * Each sink writes its own chain, over one connection. It does not make the tables.
 *
 * @throws TypeError for options that are wrong
 *
 * @example
 * ```ts
 * import { createAuditTrail, localSigner } from '@onbehalf/audit'
 * import { postgresSink } from '@onbehalf/postgres'
 *
 * const trail = createAuditTrail({
 *   mode: 'strict',
 *   key: Buffer.from(process.env.AUDIT_KEY ?? '', 'base64'),
 *   sink: postgresSink({
 *     connection: process.env.AUDIT_URL ?? '',
 *     signer: await localSigner('./audit-key.pem'),
 *   }),
 * })
 * ```
 */
export function postgresSink(options: PostgresSinkOptions): PostgresSink {
  const settings = postgresSinkSettings(options)
  const log = new PostgresLog(settings)
  const queue = new CommitQueue((batch) => log.append(batch), settings)
  return {
    ready: () => log.ready(),
    // Not an async function: the event is taken as it is now.
    write: (event) => {
      try {
        assertFits(event)
        return queue.add(eventText(event))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    flush: () => queue.drain(),
    close: async () => {
      await queue.close()
      await log.close()
    },
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const moment = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

/**
 * What Postgres refuses in one event, it refuses with all that wait: it must not get there.
 *
 * @throws TypeError
 */
function assertFits({ id, time, intent }: AuditEvent): void {
  if (!uuid.test(id) || (intent !== undefined && !uuid.test(intent))) {
    throw new TypeError('id and intent of an event must be UUIDs')
  }
  if (!moment.test(time) || Number.isNaN(Date.parse(time))) {
    throw new TypeError('time of an event must be ISO 8601 in UTC, with milliseconds')
  }
}
