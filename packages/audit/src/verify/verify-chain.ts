import type { ParsedLine } from '../chain/parse-line.ts'
import { firstPrev } from '../chain/record.ts'
import type { LogSource, ScannedLine, TornEnd } from '../log/log-source.ts'
import { fromBase64url, GrowingTree, toBase64url } from '../merkle/tree.ts'
import type { KnownHead } from './chain-heads.ts'
import { type Break, classify } from './classify.ts'
import { OpenCalls } from './open-calls.ts'
import type { ChainReport, Finding } from './report.ts'

/** Reads a chain from its first record to its last, or to the first that is bad. */
export async function verifyChain(
  source: LogSource,
  chain: string,
  heads: readonly KnownHead[],
): Promise<ChainReport> {
  const check = new ChainCheck(chain, heads)
  const { torn, lastFile } = await source.scan(chain, (line) => check.take(line))
  const broken = check.broken
  const first =
    broken === undefined
      ? check.findAtEnd(lastFile)
      : (check.finding ?? (await classify(source, broken)))
  const findings = [...(first === undefined ? [] : [first]), ...tornFindings(chain, torn)]
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

class ChainCheck {
  /** Where the chain breaks. */
  broken: Break | undefined
  /** What happened there, where that is known already. */
  finding: Finding | undefined
  readonly #chain: string
  readonly #heads: readonly KnownHead[]
  readonly #tree = new GrowingTree()
  readonly #calls = new OpenCalls()
  #prev: string
  #nextHead = 0
  #covered = 0

  constructor(chain: string, heads: readonly KnownHead[]) {
    this.#chain = chain
    this.#heads = heads
    this.#prev = firstPrev(chain)
    this.#meetHeads('', 0)
  }

  take({ file, line, parsed, bytes }: ScannedLine): boolean {
    if (this.broken !== undefined) return false
    if (!this.#follows(parsed) || !this.#calls.take(bytes, parsed)) {
      this.broken = { chain: this.#chain, at: this.#tree.size, expected: this.#tree.size + 1 }
      return false
    }
    this.#prev = parsed.hash
    this.#tree.add(fromBase64url(parsed.hash))
    return this.#meetHeads(file, line)
  }

  #follows(parsed: ParsedLine | undefined): parsed is ParsedLine {
    return (
      parsed?.isWhole === true && parsed.seq === this.#tree.size + 1 && parsed.prev === this.#prev
    )
  }

  /** Compares the tree with every head of its present size. */
  #meetHeads(file: string, line: number): boolean {
    const { size } = this.#tree
    for (; this.#heads[this.#nextHead]?.head.size === size; this.#nextHead++) {
      const root = this.#heads[this.#nextHead]?.head.root
      if (root !== toBase64url(this.#tree.root())) return this.#rewritten(file, line)
      this.#covered = size
    }
    return true
  }

  #rewritten(file: string, line: number): false {
    const seq = this.#covered + 1
    this.broken = { chain: this.#chain, at: this.#tree.size, expected: this.#tree.size + 1 }
    const detail = `records ${seq} to ${this.#tree.size} are not those that a head was made of`
    this.finding = { kind: 'changed', chain: this.#chain, file, line, seq, detail }
    return false
  }

  /** Records that a head knows and the chain has no longer. */
  findAtEnd(file: string): Finding | undefined {
    const rest = this.#heads.slice(this.#nextHead)
    const last = rest.at(-1)
    if (last === undefined) return undefined
    const kind = rest.every(({ isExternal }) => isExternal) ? 'replayed' : 'truncated'
    const seq = this.#tree.size + 1
    const detail = `a head knows ${last.head.size} records`
    return { kind, chain: this.#chain, file, seq, detail }
  }

  summary(): Omit<ChainReport, 'chain' | 'findings'> {
    return {
      records: this.#tree.size,
      covered: this.#covered,
      unknownOutcomes: this.#calls.count,
      firstUnknownOutcomes: this.#calls.first(),
      dropped: this.#calls.dropped,
    }
  }
}
