import { type Denial, type DenialReason, denialKey } from '@onbehalf/core/guards'

/** What became of a call. */
export interface Answer<R> {
  /** `failed`: it was neither refused nor of use, as when a handler throws or a name is unknown. */
  readonly verdict: 'allowed' | 'denied' | 'failed'
  /** What the server answered; undefined where it was a JSON-RPC error or an HTTP status. */
  readonly result?: R
  /** The texts in the result, or the message of the error. */
  readonly text: string
  /** Why it was denied. Absent for a request that was refused before any guard: see `status`. */
  readonly reason?: DenialReason
  /** HTTP status of a refusal that no result carries: 401 or 403. */
  readonly status?: number
}

type Fields = Readonly<Record<string, unknown>>

/** Reads what a client got, or what it threw. */
export async function toAnswer<R extends Fields>(
  asked: Promise<R>,
  textOf: (result: R) => string,
): Promise<Answer<R>> {
  try {
    return ofResult(await asked, textOf)
  } catch (thrown) {
    return ofError(thrown)
  }
}

function ofResult<R extends Fields>(result: R, textOf: (result: R) => string): Answer<R> {
  const text = textOf(result)
  const denial = denialOf(result['_meta'])
  if (denial !== undefined) return { verdict: 'denied', reason: denial.reason, result, text }
  return { verdict: result['isError'] === true ? 'failed' : 'allowed', result, text }
}

interface ClientError extends Error {
  readonly code?: unknown
  readonly data?: Fields & { readonly status?: unknown }
}

function ofError(thrown: unknown): Answer<never> {
  // A mistake in the test has no answer.
  if (thrown instanceof TypeError || !(thrown instanceof Error)) throw thrown
  const { name, message: text, code, data }: ClientError = thrown
  if (name === 'UnauthorizedError' || data?.status === 401) {
    return { verdict: 'denied', status: 401, text }
  }
  if (name === 'InsufficientScopeError' || data?.status === 403) {
    return { verdict: 'denied', reason: 'scope_missing', status: 403, text }
  }
  const denial = denialOf(data)
  if (denial !== undefined) return { verdict: 'denied', reason: denial.reason, text }
  if (typeof code !== 'number') throw thrown
  return { verdict: 'failed', text }
}

/** A denial is under its key in a result, and is the data of an error. */
function denialOf(holder: unknown): Denial | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined
  const denial = (holder as Fields)[denialKey] ?? holder
  return isDenial(denial) ? denial : undefined
}

function isDenial(value: unknown): value is Denial {
  return typeof value === 'object' && value !== null && 'reason' in value && 'guard' in value
}
