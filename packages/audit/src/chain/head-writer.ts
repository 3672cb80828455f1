import { type LogHead, signedBytes } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import { toBase64url } from '../merkle/tree.ts'
import { within } from '../within.ts'
import type { LogSettings } from './log-settings.ts'
import type { ChainState } from './record.ts'

/** Keeps a head beside the log. */
export type KeepHead = (head: LogHead) => Promise<void>

/**
 * Signs and keeps heads beside the log. A signer far away takes its time: the log never waits for
 * it, and a head that fails is made up for by the next one.
 */
export class HeadWriter {
  readonly #settings: LogSettings
  readonly #state: ChainState
  readonly #keep: KeepHead
  #covered = -1
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
    if (this.#uncovered >= headEveryRecords) this.#start()
    else this.#wait()
  }

  get #uncovered(): number {
    return this.#state.tree.size - this.#covered
  }

  #wait(): void {
    const { headEverySeconds } = this.#settings
    this.#timer ??= setTimeout(() => this.#start(), headEverySeconds * 1000).unref()
  }

  /** Makes a head of all there is now, and waits until it is kept. */
  async finish(): Promise<void> {
    await this.#underway
    this.#start()
    await this.#underway
    this.#stopWaiting()
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #start(): void {
    this.#stopWaiting()
    if (this.#underway !== undefined || this.#uncovered === 0) return
    this.#underway = this.#write()
      .catch(this.#settings.onError)
      .finally(() => {
        this.#underway = undefined
        if (this.#uncovered > 0) this.#wait()
      })
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
    if (anchor !== undefined) await within(patience, anchor(head), 'the anchor is too slow')
  }
}

// Seconds that a signer and an anchor may take.
const patience = 10

async function signHead(signer: Signer, head: LogHead): Promise<LogHead> {
  const signing = signer.sign(signedBytes(head))
  const signature = await within(patience, signing, 'the signer is too slow')
  return { ...head, signature: Buffer.from(signature).toString('base64url') }
}
