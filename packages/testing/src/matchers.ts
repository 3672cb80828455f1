import { isDeepStrictEqual } from 'node:util'
import { type DenialReason, denialKey } from '@onbehalf/core/guards'

/** What a matcher tells the test runner. */
export interface MatcherResult {
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
 * Passes for a refused call and for a decision that denies. Name the reason: a call that was
 * denied for another one does not pass.
 *
 * @throws TypeError when the value is neither the answer to a call nor a decision
 */
export function toBeDenied(received: unknown, reason?: DenialReason): MatcherResult {
  const verdict = readVerdict(received)
  const pass = verdict.outcome === 'denied' && (reason === undefined || verdict.reason === reason)
  return result(pass, reason === undefined ? 'denied' : `denied (${reason})`, verdict)
}

/**
 * Passes for a call that was not refused and did not fail otherwise, and for a decision that
 * allows.
 *
 * @throws TypeError when the value is neither the answer to a call nor a decision
 */
export function toBeAllowed(received: unknown): MatcherResult {
  const verdict = readVerdict(received)
  return result(verdict.outcome === 'allowed', 'allowed', verdict)
}

/**
 * Passes for a list of exactly these tools, in any order.
 *
 * @throws TypeError when the value is not a list of names or the result of `tools/list`
 */
export function toSeeTools(received: unknown, names: readonly string[]): MatcherResult {
  const tools = isFields(received) && 'tools' in received ? received['tools'] : received
  if (!Array.isArray(tools)) throw new TypeError('expected a list of tools')
  const seen = tools.map((tool) => String(isFields(tool) ? tool['name'] : tool)).sort()
  const pass = isDeepStrictEqual(seen, [...names].sort())
  const wanted = names.length === 0 ? 'no tool' : names.join(', ')
  const message = `expected the caller ${pass ? 'not ' : ''}to see ${wanted}, and they see ${seen.join(', ') || 'none'}`
  return { pass, message: () => message }
}

function result(pass: boolean, wanted: string, { text }: Verdict): MatcherResult {
  return {
    pass,
    message: () => `expected the call ${pass ? 'not ' : ''}to be ${wanted}, but it ${text}`,
  }
}

function readVerdict(received: unknown): Verdict {
  if (isFields(received) && 'effect' in received) return ofDecision(received)
  if (isFields(received) && 'verdict' in received) return ofAnswer(received)
  if (isFields(received) && Array.isArray(received['content'])) return ofResult(received)
  // Also under `not`: a forgotten `await` must never pass.
  throw new TypeError('expected the answer to a call or the decision of a guard')
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

function ofAnswer({ verdict, reason, text, status }: Fields): Verdict {
  if (verdict === 'allowed') return allowed
  if (verdict === 'failed') return { outcome: 'failed', text: `failed: ${String(text)}` }
  return { outcome: 'denied', reason, text: `was denied: ${String(reason ?? status)}` }
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
