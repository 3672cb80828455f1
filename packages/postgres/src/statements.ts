import type { LogHead } from '@onbehalf/audit'
import { headText, TooLate } from '@onbehalf/audit/internal'
import type { Connection } from './connection.ts'

/** Records on their way into the table. */
export interface Records {
  readonly chain: string
  /** How many records the chain has before them. */
  readonly after: number
  /** Their lines, with newlines between them. */
  readonly lines: string
  readonly hashes: readonly string[]
}

// All rows or none. That the commit reaches the disk, and a synchronous standby where there is one,
// is set for this transaction alone: no setting of a role, a database or a pooler in between can
// weaken it, and a stronger one stays.
const insert = `
  INSERT INTO onbehalf.events (chain, seq, record)
  SELECT $1, $2::bigint + place, line
  FROM
    unnest(string_to_array($3, E'\\n')) WITH ORDINALITY AS records (line, place),
    (SELECT set_config(
      'synchronous_commit',
      CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
      true
    )) AS durability (setting)
  WHERE setting IS NOT NULL`

/** Rows are not in the table that a statement should have put there: a rule or a trigger took them. */
class NotKept extends Error {}

/**
 * Adds records, all of them or none.
 *
 * @throws LostConnection when it is not known which, NotKept when the database let fewer in
 */
export async function insertRecords(
  connection: Connection,
  { chain, after, lines, hashes }: Records,
  until: number,
): Promise<void> {
  const { rowCount } = await connection.query(insert, [chain, after, lines], secondsUntil(until))
  if (rowCount !== hashes.length) throw new NotKept('Postgres did not keep the events')
}

/** The events of these lines that are in the log: hashes of their records by id. */
export async function findRecorded(
  connection: Connection,
  { lines }: Pick<Records, 'lines'>,
  until: number,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await connection.query<{ id: string; hash: string }>(
    'SELECT id, hash FROM onbehalf.recorded($1)',
    [lines],
    secondsUntil(until),
  )
  return new Map(rows.map(({ id, hash }) => [id, hash]))
}

export async function insertHead(
  connection: Connection,
  head: LogHead,
  until: number,
): Promise<void> {
  const { rowCount } = await connection.query(
    'INSERT INTO onbehalf.heads (chain, head) VALUES ($1, $2)',
    [head.chain, headText(head)],
    secondsUntil(until),
  )
  if (rowCount !== 1) throw new NotKept('Postgres did not keep the head')
}

/** Seconds until a moment in milliseconds of a clock that never goes back. @throws TooLate */
export function secondsUntil(until: number): number {
  const seconds = (until - performance.now()) / 1000
  if (seconds <= 0) throw new TooLate('Postgres was too slow for the events that wait')
  return seconds
}
