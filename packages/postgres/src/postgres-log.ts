import type { AuditEvent } from '@onbehalf/audit'
import { advance, EventBatch, LineBuffer, linkBatch, within } from '@onbehalf/audit/internal'
import { DatabaseError } from 'pg'
import { Connection, LostConnection } from './connection.ts'
import { OpenChain } from './open-chain.ts'
import type { PostgresSinkSettings } from './sink-settings.ts'
import { findRecorded, insertRecords, type Records, secondsUntil } from './statements.ts'

/** Some of the records cannot be inserted: see what is there already, by id of the event. */
class Conflict extends Error {
  readonly recorded: ReadonlyMap<string, string>
  /** A record that is not of this process is in its chain. */
  readonly isForeign: boolean

  constructor(recorded: ReadonlyMap<string, string>, cause: DatabaseError) {
    super('another event has the id of one of these, or another record has its place', { cause })
    this.recorded = recorded
    this.isForeign = cause.constraint === 'events_pkey'
  }
}

/**
 * Writes the records of one chain. A chain belongs to one process and is never continued by
 * another, so that its end is known here and needs no lock.
 */
export class PostgresLog {
  readonly #settings: PostgresSinkSettings
  readonly #connection: Connection
  readonly #buffer = new LineBuffer()
  #chain: OpenChain | undefined
  // Records that were sent, and of which nobody knows whether they were committed. What comes after
  // them cannot be linked before that is known.
  #doubtful: Records | undefined

  constructor(settings: PostgresSinkSettings) {
    this.#settings = settings
    this.#connection = new Connection(settings.config)
  }

  /** Makes sure that events can be kept. */
  async ready(): Promise<void> {
    const until = this.#deadline(performance.now())
    await findRecorded(this.#connection, { lines: '' }, until)
    await this.#open(until)
  }

  /** Appends one record for each event that is not in the log yet: all of them, or none. */
  async append(batch: EventBatch): Promise<void> {
    const until = this.#deadline(batch.begun)
    const chain = await this.#open(until)
    await this.#settle(chain, until)
    for (let rest = batch; rest.count > 0; ) {
      const conflict = await this.#tryKeep(chain, this.#link(chain, rest), until)
      if (conflict === undefined) return
      const fresh = withoutRecorded(rest, conflict.recorded)
      if (fresh.count === rest.count) return this.#giveUp(chain, conflict)
      rest = fresh
    }
  }

  async close(): Promise<void> {
    await this.#chain?.heads.finish()
    await this.#connection.close(this.#settings.timeoutSeconds)
  }

  #deadline(begun: number): number {
    return begun + this.#settings.timeoutSeconds * 1000
  }

  async #open(until: number): Promise<OpenChain> {
    this.#chain ??= new OpenChain(this.#settings, this.#connection)
    const chain = this.#chain
    await within(secondsUntil(until), chain.open(), 'the first head of the chain is not kept yet')
    return chain
  }

  /** Sends doubtful records again: if they are not there yet, they are afterwards. */
  async #settle(chain: OpenChain, until: number): Promise<void> {
    if (this.#doubtful === undefined) return
    const conflict = await this.#tryKeep(chain, this.#doubtful, until)
    if (conflict?.isForeign === true) await this.#giveUp(chain, conflict)
  }

  #link({ state }: OpenChain, batch: EventBatch): Records {
    const { lines, hashes } = linkBatch(state, batch, this.#buffer)
    const text = lines.toString('utf8', 0, lines.length - 1)
    return { chain: state.chain, after: state.tree.size, lines: text, hashes }
  }

  // Only success and a conflict end a doubt: no other failure says anything about an earlier attempt.
  async #tryKeep(
    { state, heads }: OpenChain,
    records: Records,
    until: number,
  ): Promise<Conflict | undefined> {
    const conflict = await this.#insert(records, until)
    this.#doubtful = undefined
    if (conflict !== undefined) return conflict
    advance(state, records.hashes)
    heads.notice()
    return undefined
  }

  // A connection that was idle may be gone without notice: half of the time is for another one.
  async #insert(records: Records, until: number): Promise<Conflict | undefined> {
    const halfway = (performance.now() + until) / 2
    try {
      return await this.#insertOnce(records, halfway)
    } catch (error) {
      if (!(error instanceof LostConnection)) throw error
      return this.#insertOnce(records, until)
    }
  }

  /** Resolves when the records are in the log, by this attempt or by an earlier one. */
  async #insertOnce(records: Records, until: number): Promise<Conflict | undefined> {
    try {
      await insertRecords(this.#connection, records, until)
      return undefined
    } catch (error) {
      if (error instanceof LostConnection && error.isSent) this.#doubtful = records
      if (!isUniqueViolation(error)) throw error
      const recorded = await findRecorded(this.#connection, records, until)
      const hashes = new Set(recorded.values())
      const isOurs = records.hashes.every((hash) => hashes.has(hash))
      return isOurs ? undefined : new Conflict(recorded, error)
    }
  }

  /** Another party with a writer's role wrote to our chain: the next events begin another one. */
  async #giveUp(chain: OpenChain, conflict: Conflict): Promise<never> {
    if (conflict.isForeign) {
      this.#chain = undefined
      this.#settings.onError(conflict)
      await chain.heads.finish()
    }
    throw conflict
  }
}

function isUniqueViolation(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.code === '23505'
}

/** What is left of a batch without events that are recorded, and without repeated ones. */
function withoutRecorded(
  { bytes, ends }: EventBatch,
  recorded: ReadonlyMap<string, string>,
): EventBatch {
  const rest = new EventBatch()
  const texts = new Map<string, string>()
  let start = 0
  for (const end of ends) {
    const text = bytes.toString('utf8', start, end)
    const { id } = JSON.parse(text) as AuditEvent
    start = end
    if (recorded.has(id) || texts.get(id) === text) continue
    texts.set(id, text)
    rest.add(text)
  }
  return rest
}
