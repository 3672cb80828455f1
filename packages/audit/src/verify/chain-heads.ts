import type { KeyObject } from 'node:crypto'
import { type LogHead, parseHead } from '../heads/head.ts'
import { isSignedBy } from '../heads/signer.ts'
import type { HeadLines, LogSource } from '../log/log-source.ts'
import { LineTooLong, type TextLine } from '../log/read-chunks.ts'
import type { Finding } from './report.ts'

/** Where a head comes from, and what it says. */
export interface KnownHead {
  readonly head: LogHead
  /** Kept elsewhere than the log. */
  readonly isExternal: boolean
}

/** What heads are checked against. */
export interface HeadOptions {
  /** Undefined: signatures are not checked. */
  readonly keys: readonly KeyObject[] | undefined
  /** Heads of this chain that were kept elsewhere. */
  readonly external: readonly LogHead[]
}

/**
 * The heads that a chain has to live up to, by size: one at a time, so that memory does not grow with
 * their number.
 */
export class ChainHeads {
  /** The first thing that is wrong with the heads themselves. */
  finding: Finding | undefined
  readonly #chain: string
  readonly #kept: HeadLines
  readonly #keys: readonly KeyObject[] | undefined
  readonly #external: readonly LogHead[]
  #passed = 0
  readonly #own: AsyncGenerator<LogHead, void, undefined>
  #nextOwn: LogHead | undefined

  private constructor(chain: string, kept: HeadLines, { keys, external }: HeadOptions) {
    this.#chain = chain
    this.#kept = kept
    this.#keys = keys
    this.#external = external
      .filter((head) => this.#isProven(head))
      .toSorted((a, b) => a.size - b.size)
    this.#own = this.#read()
  }

  /** Where the log keeps them. */
  get file(): string {
    return this.#kept.file
  }

  /** Opens the heads that there are now. */
  static async open(source: LogSource, chain: string, options: HeadOptions): Promise<ChainHeads> {
    const heads = new ChainHeads(chain, await source.heads(chain), options)
    await heads.#advance()
    return heads
  }

  /** The next head, by size. */
  get next(): KnownHead | undefined {
    const external = this.#external[this.#passed]
    const own = this.#nextOwn
    if (external !== undefined && (own === undefined || external.size <= own.size)) {
      return { head: external, isExternal: true }
    }
    return own && { head: own, isExternal: false }
  }

  /** Passes over the next head. */
  async skip(): Promise<void> {
    if (this.next?.isExternal === true) this.#passed += 1
    else await this.#advance()
  }

  async #advance(): Promise<void> {
    const step = await this.#own.next()
    this.#nextOwn = step.done === true ? undefined : step.value
  }

  async *#read(): AsyncGenerator<LogHead, void, undefined> {
    const { lines } = this.#kept
    if (lines === undefined) return this.#report('the heads of this chain are gone')
    try {
      yield* this.#goodOf(lines)
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error
      this.#report('the rest of the file is not a line')
    }
  }

  async *#goodOf(lines: AsyncIterable<TextLine>): AsyncGenerator<LogHead, void, undefined> {
    let size = 0
    for await (const { text, line } of lines) {
      const head = this.#goodHead(text, line, size)
      if (head === undefined) continue
      size = head.size
      yield head
    }
  }

  #goodHead(text: string, line: number, size: number): LogHead | undefined {
    const head = parseHead(text)
    if (head === undefined || head.chain !== this.#chain) {
      return this.#report('the line is not a head of this chain', line)
    }
    if (head.size < size) {
      return this.#report('the head knows fewer records than one before it', line)
    }
    return this.#isProven(head, line) ? head : undefined
  }

  // A head of a log that was not signed proves nothing, and contradicts nothing.
  #isProven(head: LogHead, line?: number): boolean {
    if (this.#keys === undefined) return true
    if (head.keyId === undefined && head.signature === undefined) return false
    const isSigned = isSignedBy(head, this.#keys)
    if (!isSigned) this.#report('no key that was given signed this head', line)
    return isSigned
  }

  #report(detail: string, line?: number): undefined {
    const { file } = this.#kept
    const place = line === undefined ? {} : { line }
    this.finding ??= { kind: 'head', chain: this.#chain, file, ...place, detail }
  }
}
