import type { LogHead } from '../heads/head.ts'
import { toBase64url } from '../merkle/tree.ts'
import { within } from '../within.ts'
import type { LogSettings } from './log-settings.ts'
import type { ChainState } from './record.ts'
import { patience, signHead } from './sign-head.ts'

/** Keeps a head beside the log. */
export type KeepHead = (head: LogHead) => Promise<void>

/**
 * Signs and keeps heads beside the log, and takes them to the anchor. A signer far away takes its
 * time: the log never waits for it, and a head that fails is made up for by the next one.
 */
export class HeadWriter {
  readonly #settings: LogSettings
  readonly #state: ChainState
  readonly #keep: KeepHead
  #covered = -1
  /** The last head, as long as the anchor does not have it. */
  #unanchored: LogHead | undefined
  #timer: NodeJS.Timeout | undefined
  #underway: Promise<void> | undefined

  constructor(settings: LogSettings, state: ChainState, keep: KeepHead) {
    this.#settings = settings
    this.#state = state
    this.#keep = keep
  }

  /** Takes note of new records. */
  notice(): void {
    const { headEveryRecords } = this.#settings
    if (this.#uncovered >= headEveryRecords) this.start()
    else this.#wait()
  }

  get #uncovered(): number {
    return this.#state.tree.size - this.#covered
  }

  get #isBehind(): boolean {
    return this.#uncovered > 0 || this.#unanchored !== undefined
  }

  #wait(): void {
    const { headEverySeconds } = this.#settings
    this.#timer ??= setTimeout(() => this.start(), headEverySeconds * 1000).unref()
  }

  /** Makes a head of all there is now, and waits until it is kept and anchored, or has failed. */
  async finish(): Promise<void> {
    await this.#underway
    this.start()
    await this.#underway
    this.#stopWaiting()
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Begins with a head of all there is now, unless one is under way. */
  start(): void {
    this.#stopWaiting()
    if (this.#underway !== undefined || !this.#isBehind) return
    this.#underway = this.#catchUp().finally(() => {
      this.#underway = undefined
      if (this.#isBehind) this.#wait()
    })
  }

  async #catchUp(): Promise<void> {
    const { onError } = this.#settings
    if (this.#uncovered > 0) await this.#write().catch(onError)
    await this.#anchor().catch(onError)
  }

  async #write(): Promise<void> {
    const { signer, anchor } = this.#settings
    const { chain, last, tree } = this.#state
    const unsigned: LogHead = {
      chain,
      size: tree.size,
      root: toBase64url(tree.root()),
      peaks: tree.peaks.map(toBase64url),
      last,
      time: new Date().toISOString(),
      ...(signer !== null && { keyId: signer.keyId }),
    }
    const head = signer === null ? unsigned : await signHead(signer, unsigned)
    await this.#keep(head)
    this.#covered = head.size
    if (anchor !== undefined) this.#unanchored = head
  }

  // The last head covers what earlier ones did: it alone is taken there again.
  async #anchor(): Promise<void> {
    const { anchor } = this.#settings
    if (anchor === undefined || this.#unanchored === undefined) return
    await within(patience, anchor(this.#unanchored), 'the anchor is too slow')
    this.#unanchored = undefined
  }
}
