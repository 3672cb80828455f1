import type { ParsedLine } from '../chain/parse-line.ts'
import { firstPrev } from '../chain/record.ts'
import type { LogSource, ScannedLine, TornEnd } from '../log/log-source.ts'
import { fromBase64url, GrowingTree, toBase64url } from '../merkle/tree.ts'
import type { ChainHeads } from './chain-heads.ts'
import { type Break, classify } from './classify.ts'
import { OpenCalls } from './open-calls.ts'
import type { ChainReport, Finding } from './report.ts'

/** Reads a chain from its first record to its last, or to the first that is bad. */
export async function verifyChain(
  source: LogSource,
  chain: string,
  heads: ChainHeads,
): Promise<ChainReport> {
  const check = new ChainCheck(chain, heads)
  await check.meetHeads('', 0)
  const { torn, lastFile } = await source.scan(chain, (line) => check.take(line))
  const { broken } = check
  const first =
    broken === undefined
      ? await check.findLost(lastFile)
      : (check.finding ?? (await classify(source, broken)))
  // The rest of the heads, for what is wrong with them.
  while (heads.next !== undefined) await heads.skip()
  const last = first === undefined ? check.findUnproven() : undefined
  const findings = [first, ...tornFindings(chain, torn), heads.finding, last].filter(
    (finding) => finding !== undefined,
  )
  return { chain, findings, ...check.summary() }
}

function tornFindings(chain: string, torn: readonly TornEnd[]): Finding[] {
  return torn.map(({ file, line, isLast }) => ({
    kind: isLast ? 'torn' : 'changed',
    chain,
    file,
    line,
    detail: 'the line does not end',
  }))
}

interface Place {
  readonly file: string
  readonly line: number
}

class ChainCheck {
  /** Where the chain breaks. */
  broken: Break | undefined
  /** What happened there, where that is known already. */
  finding: Finding | undefined
  readonly #chain: string
  readonly #heads: ChainHeads
  readonly #tree = new GrowingTree()
  readonly #calls = new OpenCalls()
  #prev: string
  /** Number of records that the last head knew; undefined before the first one. */
  #covered: number | undefined
  #anchored: number | undefined
  /** Where the first record is that no head covers. */
  #uncovered: Place | undefined

  constructor(chain: string, heads: ChainHeads) {
    this.#chain = chain
    this.#heads = heads
    this.#prev = firstPrev(chain)
  }

  take({ file, line, parsed, bytes }: ScannedLine): boolean | Promise<boolean> {
    if (this.broken !== undefined) return false
    if (!this.#follows(parsed) || !this.#calls.take(bytes, parsed)) {
      this.broken = { chain: this.#chain, at: this.#tree.size, expected: this.#tree.size + 1 }
      return false
    }
    this.#prev = parsed.hash
    this.#tree.add(fromBase64url(parsed.hash))
    this.#uncovered ??= { file, line }
    return this.#isAtHead ? this.meetHeads(file, line) : true
  }

  #follows(parsed: ParsedLine | undefined): parsed is ParsedLine {
    return (
      parsed?.isWhole === true && parsed.seq === this.#tree.size + 1 && parsed.prev === this.#prev
    )
  }

  get #isAtHead(): boolean {
    return this.#heads.next?.head.size === this.#tree.size
  }

  /** Compares the tree with every head of its present size. */
  async meetHeads(file: string, line: number): Promise<boolean> {
    for (; this.#isAtHead; await this.#heads.skip()) {
      const { size } = this.#tree
      const { head, isExternal } = this.#heads.next ?? {}
      if (head?.root !== toBase64url(this.#tree.root())) return this.#rewritten(file, line)
      this.#covered = size
      this.#uncovered = undefined
      if (isExternal === true) this.#anchored = size
    }
    return true
  }

  #rewritten(file: string, line: number): false {
    const seq = (this.#covered ?? 0) + 1
    this.broken = { chain: this.#chain, at: this.#tree.size, expected: this.#tree.size + 1 }
    const detail = `records ${seq} to ${this.#tree.size} are not those that a head was made of`
    this.finding = { kind: 'changed', chain: this.#chain, file, line, seq, detail }
    return false
  }

  /** Records that a head knows and the chain has no longer. */
  async findLost(file: string): Promise<Finding | undefined> {
    const { next } = this.#heads
    if (next === undefined) return undefined
    let { size } = next.head
    let isKept = false
    for (let rest = this.#heads.next; rest !== undefined; rest = this.#heads.next) {
      size = rest.head.size
      isKept ||= !rest.isExternal
      await this.#heads.skip()
    }
    const detail = `a head knows ${size} records`
    const seq = this.#tree.size + 1
    return { kind: isKept ? 'truncated' : 'replayed', chain: this.#chain, file, seq, detail }
  }

  /** Records that the chain has and no head knows. */
  findUnproven(): Finding | undefined {
    const { size } = this.#tree
    if (this.#covered === size) return undefined
    const base = { kind: 'unproven', chain: this.#chain } as const
    if (this.#uncovered === undefined) {
      return { ...base, file: this.#heads.file, detail: 'no head and no record is left' }
    }
    const seq = (this.#covered ?? 0) + 1
    const detail = `no head covers records ${seq} to ${size}`
    return { ...base, ...this.#uncovered, seq, detail }
  }

  summary(): Omit<ChainReport, 'chain' | 'findings'> {
    return {
      records: this.#tree.size,
      covered: this.#covered ?? 0,
      ...(this.#anchored !== undefined && { anchored: this.#anchored }),
      unknownOutcomes: this.#calls.count,
      firstUnknownOutcomes: this.#calls.first(),
      dropped: this.#calls.dropped,
    }
  }
}
