import { createPublicKey, KeyObject } from 'node:crypto'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { type LogHead, parseHead } from '../heads/head.ts'
import type { LogSource } from '../log/log-source.ts'
import { ChainHeads } from './chain-heads.ts'
import { joinSources } from './join-sources.ts'
import type { ChainReport, FindingKind, LogReport, Verdict } from './report.ts'
import { verifyChain } from './verify-chain.ts'

/** An Ed25519 public key: PEM (SPKI), or as Node holds it. */
export type PublicKey = string | KeyObject

/** What a log is verified against. */
export interface VerifyLogOptions {
  /** Keys that may have signed heads. Without any, signatures are not checked, and the report says so. */
  readonly publicKeys?: readonly PublicKey[]
  /**
   * Heads that were kept where the writer of the log cannot change them. Only they show that the
   * whole log was replaced by an older copy, or that a chain is gone.
   */
  readonly heads?: readonly LogHead[]
}

const optionNames: OptionNames<VerifyLogOptions> = { publicKeys: true, heads: true }

/**
 * Reads a whole log and says, for each chain, what the first bad record is and what happened to it.
 * Reads as a stream: memory does not grow with the log. The log may be written meanwhile; what was
 * written since the last head is then `unproven`.
 *
 * Several directories, one of each process, are one log: all of their chains get one verdict.
 *
 * It does not prove that events are true: a writer that was taken over can record what it likes.
 *
 * @throws Error for a chain that is in two of the directories, TypeError for no directory
 */
export async function verifyLog(
  directories: string | readonly string[],
  options: VerifyLogOptions = {},
): Promise<LogReport> {
  return verifySource(joinSources([directories].flat()), options)
}

/** {@link verifyLog} for a log that is kept elsewhere than in files. */
export async function verifySource(
  source: LogSource,
  options: VerifyLogOptions,
): Promise<LogReport> {
  assertOptions('verifyLog', options, optionNames)
  const keys = options.publicKeys?.map(toKey)
  const external = (options.heads ?? []).map(toHead)
  const known = new Set([...(await source.chains()), ...external.map(({ chain }) => chain)])
  const chains: ChainReport[] = []
  for (const chain of [...known].toSorted()) {
    const own = external.filter((head) => head.chain === chain)
    // Scanned after the heads were read, so that no head knows of a record that is not found.
    const heads = await ChainHeads.open(source, chain, { keys, external: own })
    chains.push(await verifyChain(source, chain, heads))
  }
  const signaturesChecked = keys !== undefined
  const verdict = verdictOf(chains, signaturesChecked)
  const isProven = verdict === 'intact' || verdict === 'signed'
  return {
    verdict,
    ok: signaturesChecked || chains.length === 0 ? isProven : verdict !== 'broken',
    signaturesChecked,
    records: chains.reduce((sum, { records }) => sum + records, 0),
    chains,
  }
}

function verdictOf(chains: readonly ChainReport[], signaturesChecked: boolean): Verdict {
  const kinds = kindsIn(chains)
  if (kinds.some((kind) => kind !== 'torn' && kind !== 'unproven')) return 'broken'
  if (chains.length === 0 || kinds.includes('unproven')) return 'unproven'
  if (chains.every(({ records, anchored }) => records === anchored)) return 'intact'
  return signaturesChecked ? 'signed' : 'unproven'
}

function kindsIn(chains: readonly ChainReport[]): readonly FindingKind[] {
  return chains.flatMap(({ findings }) => findings.map(({ kind }) => kind))
}

/** @throws TypeError for what is not a head */
function toHead(head: LogHead): LogHead {
  const parsed = parseHead(JSON.stringify(head))
  if (parsed === undefined) throw new TypeError('heads must hold heads of a log')
  return parsed
}

/** @throws TypeError for a key that is not Ed25519 */
export function toKey(key: PublicKey): KeyObject {
  const object = key instanceof KeyObject ? key : createPublicKey(key)
  if (object.type !== 'public' || object.asymmetricKeyType !== 'ed25519') {
    throw new TypeError('a public key must be Ed25519')
  }
  return object
}
