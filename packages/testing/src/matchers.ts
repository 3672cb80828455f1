import { type DenialReason, denialKey } from '@onbehalf/core/guards'

/** What a matcher tells the test runner. */
interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

type Fields = Readonly<Record<string, unknown>>

/** What became of a call. A call that failed was not denied, and was of no use to its caller. */
type Outcome = 'allowed' | 'denied' | 'undecided' | 'failed'

interface Verdict {
  readonly outcome: Outcome
  /** The outcome in words. */
  readonly text: string
  readonly reason?: unknown
}

/**
 * Passes for a refused tool call and for a decision that denies. Name the reason: a call that was
 * denied for another one does not pass.
 *
 * @throws TypeError when the value is neither the result of a tool call nor a decision
 */
export function toBeDenied(received: unknown, reason?: DenialReason): MatcherResult {
  const verdict = readVerdict(received)
  const pass = verdict.outcome === 'denied' && (reason === undefined || verdict.reason === reason)
  return result(pass, reason === undefined ? 'denied' : `denied (${reason})`, verdict)
}

/**
 * Passes for a tool call that was not refused and did not fail otherwise, and for a decision that
 * allows.
 *
 * @throws TypeError when the value is neither the result of a tool call nor a decision
 */
export function toBeAllowed(received: unknown): MatcherResult {
  const verdict = readVerdict(received)
  return result(verdict.outcome === 'allowed', 'allowed', verdict)
}

function result(pass: boolean, wanted: string, { text }: Verdict): MatcherResult {
  return {
    pass,
    message: () => `expected the call ${pass ? 'not ' : ''}to be ${wanted}, but it ${text}`,
  }
}

function readVerdict(received: unknown): Verdict {
  if (isFields(received) && 'effect' in received) return ofDecision(received)
  if (isFields(received) && Array.isArray(received['content'])) return ofResult(received)
  // Also under `not`: a forgotten `await` must never pass.
  throw new TypeError('expected the result of a tool call or the decision of a guard')
}

function ofDecision(decision: Fields): Verdict {
  switch (decision['effect']) {
    case 'allow':
      return allowed
    case 'deny':
      return denied(decision)
    default:
      return { outcome: 'undecided', text: 'was left undecided' }
  }
}

function ofResult(result: Fields): Verdict {
  if (result['isError'] !== true) return allowed
  const meta = result['_meta']
  const denial = isFields(meta) ? meta[denialKey] : undefined
  if (isFields(denial)) return denied(denial)
  return { outcome: 'failed', text: `failed: ${JSON.stringify(result['content'])}` }
}

const allowed: Verdict = { outcome: 'allowed', text: 'was allowed' }

function denied({ reason, guard }: Fields): Verdict {
  return { outcome: 'denied', reason, text: `was denied: ${String(reason)}, by ${String(guard)}` }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
