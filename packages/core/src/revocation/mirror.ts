import { type OptionNames, toObserver } from '../internal/options.ts'
import { type Awaitable, withDeadline } from '../internal/promises.ts'
import { laterOf, type RevocationStore } from './revocation.ts'

/** One revocation on its way to all instances. */
export interface MirrorEntry {
  readonly key: string
  readonly value: string
  /** How long it counts from the moment at which it is appended; of one that is read, at least from then. */
  readonly ttlSeconds: number
}

/** What was read of a log. */
export interface MirrorPage {
  readonly entries: readonly MirrorEntry[]
  /** Where the next page begins. */
  readonly cursor: string | undefined
  /** Whether there may be more at this moment. */
  readonly hasMore: boolean
}

/** Where all instances append revocations to, and read them from. */
export interface MirrorLog {
  /** Resolves when the entry is kept. */
  append(entry: MirrorEntry): Promise<void>
  /** What was appended after a cursor; without one, everything that still counts. */
  read(after: string | undefined): Promise<MirrorPage>
  /** Calls `wake` when there may be something to read. A log that does not is read more often. */
  follow?(wake: () => void): void
  /** Ends what following it began. */
  close?(): void
}

/** What a mirror reports to its operator. */
export type MirrorEvent =
  /** The log could not be read: the mirror decides by what it has. Once per outage. */
  | { readonly type: 'mirror_behind'; readonly cause: unknown }
  /** The log could not be read for `maxStaleSeconds`: `whenStale` decides. */
  | { readonly type: 'mirror_stale'; readonly cause: unknown }
  /** The mirror has everything again. */
  | { readonly type: 'mirror_current'; readonly entries: number }

export interface MirrorOptions {
  /** How long the mirror decides while the log cannot be read. Default 30 seconds. */
  readonly maxStaleSeconds?: number
  /**
   * What follows then: `'refuse'` answers calls with 503, `'serve'` continues with what the mirror has,
   * so that a token that was revoked since is accepted until the log is back.
   */
  readonly whenStale: 'refuse' | 'serve'
  readonly onEvent?: (event: MirrorEvent) => void
}

/** The names in {@link MirrorOptions}, for packages that take them beside their own. */
export const mirrorOptions: OptionNames<MirrorOptions> = {
  maxStaleSeconds: true,
  whenStale: true,
  onEvent: true,
}

/** A store of revocations that answers from memory. */
export interface RevocationMirror extends RevocationStore {
  /** Resolves when everything that is revoked is known. Rejects when the log cannot be read. */
  ready(): Promise<void>
  /** Stops reading the log. */
  close(): void
}

const pollMilliseconds = 250
// Of a log that says when there is something: should that be lost, it is still found within a second.
const followedMilliseconds = 750
const deadlineSeconds = 2
// A log that lost its end in a failover may continue below the cursor: all of it is read again.
const rereadMilliseconds = 60_000

/**
 * Keeps every revocation in this process, and follows a log that all instances share: a check costs
 * no round trip, and a revocation of one instance is refused by all others within a second.
 *
 * @throws TypeError when an option is wrong
 */
export function createMirror(log: MirrorLog, options: MirrorOptions): RevocationMirror {
  return new Mirror(log, options)
}

interface Kept {
  readonly value: string
  /** In milliseconds of `performance.now`. */
  readonly until: number
}

class Mirror implements RevocationMirror {
  readonly #log: MirrorLog
  readonly #refusesWhenStale: boolean
  readonly #report: (event: MirrorEvent) => void
  readonly #maxStaleMilliseconds: number
  readonly #entries = new Map<string, Kept>()
  #cursor: string | undefined
  #readAllAt = Number.NEGATIVE_INFINITY
  #currentAt = Number.NEGATIVE_INFINITY
  #state: MirrorEvent['type'] | undefined
  #started: Promise<void> | undefined
  #reading: Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  // Something was appended while the log was being read.
  #isBehind = false
  #isClosed = false

  constructor(log: MirrorLog, options: MirrorOptions) {
    const { maxStaleSeconds = 30, whenStale, onEvent } = options
    if (!(maxStaleSeconds > 0)) throw new TypeError('maxStaleSeconds must be a positive number')
    if (whenStale !== 'refuse' && whenStale !== 'serve') {
      throw new TypeError("whenStale must be 'refuse' or 'serve'")
    }
    this.#log = log
    this.#refusesWhenStale = whenStale === 'refuse'
    this.#report = toObserver(onEvent)
    this.#maxStaleMilliseconds = maxStaleSeconds * 1000
  }

  async ready(): Promise<void> {
    this.#started ??= this.#start()
    await this.#started
    // A log that is long takes longer than one that is followed may.
    await this.#reading
    if (this.#isEmpty()) throw new Error('The revocations cannot be read')
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#log.close?.()
  }

  get(key: string): Awaitable<string | undefined> {
    return this.#isEmpty() ? this.ready().then(() => this.#find(key)) : this.#find(key)
  }

  #find(key: string): string | undefined {
    if (this.#refusesWhenStale && this.#isStale()) {
      throw new Error('The revocations were not read for too long')
    }
    const kept = this.#entries.get(key)
    return kept !== undefined && kept.until > performance.now() ? kept.value : undefined
  }

  async set(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.#log.append({ key, value, ttlSeconds })
    this.#keep({ key, value, ttlSeconds })
  }

  #start(): Promise<void> {
    this.#log.follow?.(() => this.#wake())
    return this.#follow()
  }

  #wake(): void {
    this.#isBehind = true
    if (this.#timer === undefined || this.#isClosed) return
    clearTimeout(this.#timer)
    void this.#follow()
  }

  /** Reads what is new, and again after a moment, for as long as the mirror is open. */
  async #follow(): Promise<void> {
    this.#timer = undefined
    this.#isBehind = false
    try {
      // A log that hangs is asked once, however long it takes.
      this.#reading ??= this.#read().finally(() => {
        this.#reading = undefined
      })
      const reading = this.#reading
      await withDeadline(
        deadlineSeconds,
        () => reading,
        () => new Error('The log is too slow'),
      )
      this.#become('mirror_current', undefined)
    } catch (cause) {
      this.#become(this.#isStale() ? 'mirror_stale' : 'mirror_behind', cause)
    }
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.#follow(), this.#pause())
    // On web runtimes timers are numbers, and hold nothing.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  #pause(): number {
    if (this.#isBehind) return 0
    return this.#log.follow === undefined ? pollMilliseconds : followedMilliseconds
  }

  async #read(): Promise<void> {
    const startedAt = performance.now()
    const readsAll = startedAt - this.#readAllAt > rereadMilliseconds
    let page: MirrorPage = {
      entries: [],
      cursor: readsAll ? undefined : this.#cursor,
      hasMore: true,
    }
    while (page.hasMore) {
      page = await this.#log.read(page.cursor)
      for (const entry of page.entries) this.#keep(entry)
    }
    this.#cursor = page.cursor
    this.#currentAt = startedAt
    if (!readsAll) return
    this.#readAllAt = startedAt
    for (const [key, { until }] of this.#entries) if (until <= startedAt) this.#entries.delete(key)
  }

  // Counted from here, an entry is kept a little longer than in the log: no clocks are compared.
  #keep({ key, value, ttlSeconds }: MirrorEntry): void {
    const kept = this.#entries.get(key)
    const until = performance.now() + ttlSeconds * 1000
    this.#entries.set(key, {
      value: kept === undefined ? value : laterOf(kept.value, value),
      until: Math.max(until, kept?.until ?? 0),
    })
  }

  /** Whether the log was never read: what is revoked is not known. */
  #isEmpty(): boolean {
    return this.#currentAt === Number.NEGATIVE_INFINITY
  }

  #isStale(): boolean {
    return performance.now() - this.#currentAt > this.#maxStaleMilliseconds
  }

  #become(state: MirrorEvent['type'], cause: unknown): void {
    if (this.#state === state) return
    this.#state = state
    const event: MirrorEvent =
      state === 'mirror_current'
        ? { type: state, entries: this.#entries.size }
        : { type: state, cause }
    this.#report(event)
  }
}
