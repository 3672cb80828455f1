import { Socket } from 'node:net'
import { within } from '@onbehalf/audit/internal'
import { Client, type ClientConfig, DatabaseError, type QueryResultRow } from 'pg'

/** Postgres could not be asked, or did not answer. */
export class LostConnection extends Error {
  /** The statement was sent, so that it may have been committed. */
  readonly isSent: boolean

  constructor(isSent: boolean, cause: unknown) {
    const unknown = 'Postgres did not say whether it kept the events'
    super(isSent ? unknown : 'Postgres cannot be reached', { cause })
    this.isSent = isSent
  }
}

/** What a statement answers. */
export interface Answer<Row> {
  readonly rows: readonly Row[]
  /** Rows that it wrote or read. */
  readonly rowCount: number | null
}

interface Session {
  readonly client: Client
  readonly socket: Socket
  readonly connected: Promise<unknown>
  /** Resolves when the statement before is done. */
  idle: Promise<unknown>
}

/**
 * One connection to Postgres: made when it is needed, given up when it fails or takes too long, and
 * then made again.
 */
export class Connection {
  readonly #config: ClientConfig
  #session: Session | undefined

  constructor(config: ClientConfig) {
    this.#config = config
  }

  /**
   * Runs one statement, which is its own transaction: it is committed when this resolves.
   *
   * @throws LostConnection when there was no answer; with any other error nothing was done
   */
  async query<Row extends QueryResultRow>(
    statement: string,
    values: readonly unknown[],
    seconds: number,
  ): Promise<Answer<Row>> {
    this.#session ??= this.#connect()
    const session = this.#session
    let isSent = false
    const work = (async () => {
      await session.idle
      await session.connected
      if (session.socket.destroyed) throw new Error('the connection was given up')
      isSent = true
      return session.client.query<Row>(statement, [...values])
    })()
    session.idle = work.catch(() => undefined)
    try {
      return await within(seconds, work, 'Postgres did not answer in time')
    } catch (error) {
      const isAnswer = isSent && isRefusal(error)
      if (!isAnswer || error.code === readOnly) this.#drop(session)
      throw isAnswer ? error : new LostConnection(isSent, error)
    }
  }

  /** Says goodbye, and waits a moment for the end of the connection. */
  async close(seconds: number): Promise<void> {
    const session = this.#session
    if (session === undefined) return
    await within(seconds, session.client.end(), 'Postgres did not answer in time').catch(
      () => undefined,
    )
    this.#drop(session)
  }

  // The socket is ours, so that it can be destroyed at any time: a peer that answers nothing would
  // otherwise hold it for as long as it likes.
  #connect(): Session {
    const socket = new Socket()
    const client = new Client({ ...this.#config, stream: () => socket })
    const session: Session = {
      client,
      socket,
      connected: client.connect(),
      idle: Promise.resolve(),
    }
    client.on('error', () => this.#drop(session))
    return session
  }

  #drop(session: Session): void {
    session.socket.destroy()
    if (this.#session === session) this.#session = undefined
  }
}

// Connection exceptions, intervention of an operator, errors of the system, internal errors: classes
// of SQLSTATE that come with the end of a connection. All others come with the end of a statement.
const endsConnection = /^(08|57|58|XX)/

// What a server says that has become a standby: the next connection may lead to the new primary.
const readOnly = '25006'

/** Whether Postgres refused a statement: then nothing of it was done. */
function isRefusal(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && !endsConnection.test(error.code ?? 'XX')
}
