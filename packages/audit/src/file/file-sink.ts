import type { EventBatch } from '../chain/batch.ts'
import { CommitQueue } from '../chain/commit-queue.ts'
import { eventText } from '../chain/record.ts'
import type { AuditSink } from '../sinks/sink.ts'
import {
  type FileSinkOptions,
  type FileSinkSettings,
  fileSinkSettings,
} from './file-sink-settings.ts'
import { type OpenLog, openLog } from './open-log.ts'
import type { OpenFile } from './open-synchronized.ts'

/** A log in the files of one directory. */
export interface FileSink extends AuditSink {
  /**
   * Opens the log now instead of at the first event.
   *
   * @throws Error when the directory cannot be used
   */
  ready(): Promise<void>
  flush(): Promise<void>
}

/**
 * Keeps events in an append-only, hash-chained log of JSON Lines. An event is on the disk
 * (`fdatasync`, or `O_DSYNC` on Linux) when `write` resolves; events that wait at the same time
 * share one write.
 *
 * Several processes may use one directory: each writes its own chain. After a failure of the
 * disk the log continues by itself as soon as the disk does.
 *
 * @throws TypeError for options that are wrong
 */
export function fileSink(options: FileSinkOptions): FileSink {
  return createFileSink(fileSinkSettings(options))
}

/** {@link fileSink} with its own way of opening files. */
export function fileSinkOn(options: FileSinkOptions, openFile: OpenFile): FileSink {
  return createFileSink(fileSinkSettings(options, openFile))
}

function createFileSink(settings: FileSinkSettings): FileSink {
  const log = new LazyLog(settings)
  const queue = new CommitQueue((batch) => log.append(batch), settings)
  return {
    ready: async () => void (await log.open()),
    // Not an async function: the event is taken as it is now.
    write: (event) => {
      try {
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

/** Opens the log when it is first needed, and again as long as that fails. */
class LazyLog {
  readonly #settings: FileSinkSettings
  #opening: Promise<OpenLog> | undefined

  constructor(settings: FileSinkSettings) {
    this.#settings = settings
  }

  open(): Promise<OpenLog> {
    this.#opening ??= openLog(this.#settings).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async append(batch: EventBatch): Promise<void> {
    const { writer, heads } = await this.open()
    await writer.append(batch)
    heads.notice()
  }

  async close(): Promise<void> {
    const log = await this.#opening
    if (log === undefined) return
    await log.heads.finish()
    // What a disk does not let go of, the next start finds behind the last head, and leaves alone.
    await log.headsFile.close().catch(this.#settings.onError)
    await log.writer.close().catch(this.#settings.onError)
    log.lock.release()
  }
}
