import type { KeyObject } from 'node:crypto'
import { type LogHead, parseHead } from '../heads/head.ts'
import { isSignedBy } from '../heads/signer.ts'
import type { LogSource } from '../log/log-source.ts'
import type { Finding } from './report.ts'

/** Where a head comes from, and what it says. */
export interface KnownHead {
  readonly head: LogHead
  /** Kept elsewhere than the log. */
  readonly isExternal: boolean
}

/** The heads of a chain by size, and what is wrong with them. */
export interface ChainHeads {
  readonly heads: readonly KnownHead[]
  readonly findings: readonly Finding[]
}

/** What heads are checked against. */
export interface HeadOptions {
  /** Undefined: signatures are not checked. */
  readonly keys: readonly KeyObject[] | undefined
  /** Heads of this chain that were kept elsewhere. */
  readonly external: readonly LogHead[]
}

/** Collects the heads that a chain has to live up to. */
export async function readHeads(
  source: LogSource,
  chain: string,
  { keys, external }: HeadOptions,
): Promise<ChainHeads> {
  const { file, lines } = await source.heads(chain)
  const problem = (detail: string, line?: number): Finding => ({
    kind: 'head',
    chain,
    file,
    detail,
    ...(line !== undefined && { line }),
  })
  const heads: KnownHead[] = []
  const findings: Finding[] = []
  const take = (head: LogHead | undefined, isExternal: boolean, line?: number): void => {
    if (head === undefined || head.chain !== chain) {
      findings.push(problem('the line is not a head of this chain', line))
    } else if (keys !== undefined && !isSignedBy(head, keys)) {
      findings.push(problem('no key that was given signed this head', line))
    } else {
      heads.push({ head, isExternal })
    }
  }
  for (const head of external) take(parseHead(JSON.stringify(head)), true)
  if (lines === undefined) findings.push(problem('the heads of this chain are gone'))
  else for await (const { text, line } of lines) take(parseHead(text), false, line)
  return { heads: heads.toSorted((a, b) => a.head.size - b.head.size), findings }
}
