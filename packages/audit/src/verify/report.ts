/**
 * What happened to a log:
 *
 * - `changed`: a record is not what it was
 * - `missing`: records are gone from the middle
 * - `swapped`: records are in another order
 * - `inserted`: a line was added
 * - `duplicated`: a record is there twice in a row
 * - `truncated`: records are gone from the end
 * - `replayed`: older records replace newer ones
 * - `head`: a head does not verify, knows fewer records than one before it, or all are gone
 * - `unproven`: no head covers the records from here on: they are as their writer left them, or as
 *   anyone did who could write to the log
 * - `torn`: the last line is unfinished, as a crash leaves it; not a sign of tampering
 */
export type FindingKind =
  | 'changed'
  | 'missing'
  | 'swapped'
  | 'inserted'
  | 'duplicated'
  | 'truncated'
  | 'replayed'
  | 'head'
  | 'unproven'
  | 'torn'

/**
 * What verifying a log shows:
 *
 * - `broken`: something happened to it, which the findings name
 * - `unproven`: nothing contradicts it, and some of it, or all, may have been written by anyone who
 *   could write to the log: no head covers it, or signatures were not checked
 * - `signed`: signed heads cover every record. Newer records, or whole chains, may be gone
 * - `intact`: heads that were kept elsewhere cover every record, and know no other
 */
export type Verdict = 'broken' | 'unproven' | 'signed' | 'intact'

/** A bad place of a chain. */
export interface Finding {
  readonly kind: FindingKind
  readonly chain: string
  /** The file, or the table, that holds the record or the head. */
  readonly file: string
  /** Counts from 1; absent where the line does not exist. */
  readonly line?: number
  /** Number of the record that is concerned, or the first of several. */
  readonly seq?: number
  /** Fixed words and numbers, nothing out of the log. */
  readonly detail: string
}

/** An intent without a result: the call may have run or not. */
export interface UnknownOutcome {
  readonly id: string
  readonly seq: number
}

/** What was found in one chain. */
export interface ChainReport {
  readonly chain: string
  /** Records up to the first finding. */
  readonly records: number
  readonly findings: readonly Finding[]
  /** Records that a head covers. */
  readonly covered: number
  /** Records that a head covers which was kept elsewhere. Absent where none was given. */
  readonly anchored?: number
  /** How many calls have an intent and no result. */
  readonly unknownOutcomes: number
  /** The first thousand of them. */
  readonly firstUnknownOutcomes: readonly UnknownOutcome[]
  /** Events that writers said they could not record. */
  readonly dropped: number
}

/** What was found in a log. */
export interface LogReport {
  readonly verdict: Verdict
  /**
   * With public keys: the verdict is `signed` or `intact`. Without them: there is a log, and it is not
   * `broken`, which proves nothing against anyone who can write to it.
   */
  readonly ok: boolean
  /** Signatures were checked: public keys were given. */
  readonly signaturesChecked: boolean
  readonly records: number
  readonly chains: readonly ChainReport[]
}
