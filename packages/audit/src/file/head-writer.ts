import { headLine, type LogHead, signedBytes } from '../heads/head.ts'
import type { Signer } from '../heads/signer.ts'
import { toBase64url } from '../merkle/tree-hash.ts'
import { within } from '../within.ts'
import type { ChainState } from './chain-state.ts'
import type { FileSinkSettings } from './file-sink-settings.ts'
import type { Segment } from './segment.ts'

/**
 * Signs and keeps heads beside the log. A signer far away takes its time: the log never waits for
 * it, and a head that fails is made up for by the next one.
 */
export class HeadWriter {
  readonly #settings: FileSinkSettings
  readonly #state: ChainState
  readonly #file: Segment
  #covered = -1
  #timer: NodeJS.Timeout | undefined
  #underway: Promise<void> | undefined

  constructor(settings: FileSinkSettings, state: ChainState, file: Segment) {
    this.#settings = settings
    this.#file = file
    this.#state = state
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

  async close(): Promise<void> {
    await this.finish()
    await this.#file.close()
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
    await this.#file.append(Buffer.from(headLine(head), 'utf8'))
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
