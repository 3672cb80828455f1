import { type Denial, type DenialReason, type Deny, denialKey } from '@onbehalf/core/guards'
import { denialTexts } from '@onbehalf/core/internal'
import type { RpcError } from '../wire/json-rpc.ts'

/** The result of a refused tool call: the model reads the text and moves on. */
export interface DenialResult {
  readonly isError: true
  readonly content: readonly [{ readonly type: 'text'; readonly text: string }]
  readonly _meta: Readonly<Record<typeof denialKey, Denial>>
}

// The codes of what is not a denial.
const codes: Partial<Record<DenialReason, number>> = {
  identity_missing: 31_401,
  identity_expired: 31_401,
  too_many_open: 31_429,
  rate_limited: 31_429,
  concurrency_limited: 31_429,
  time_limited: 31_504,
  limit_unavailable: 31_503,
  server_stopping: 31_503,
}

/**
 * Answers a refused resource or prompt. Both SDK generations turn `code`, `message` and `data` of
 * whatever a handler throws into a JSON-RPC error.
 */
export class AccessDeniedError extends Error {
  readonly code: number
  readonly data: Denial

  static {
    Object.defineProperty(this.prototype, 'name', { value: 'AccessDeniedError' })
  }

  constructor(denied: Deny) {
    super(denialTexts[denied.reason])
    this.code = denialCode(denied.reason)
    this.data = createDenial(denied)
  }
}

export function createDenialResult(denied: Deny): DenialResult {
  return {
    isError: true,
    content: [{ type: 'text', text: denialTexts[denied.reason] }],
    _meta: { [denialKey]: createDenial(denied) },
  }
}

export function createDenialError(denied: Deny): RpcError & { readonly data: Denial } {
  const { code, message, data } = new AccessDeniedError(denied)
  return { code, message, data }
}

function createDenial({ reason, guard, required, until }: Deny): Denial {
  const { roles, scopes } = required
  const lacking = { ...(roles && { roles }), ...(scopes && { scopes }) }
  return { reason, guard, required: lacking, ...(until !== undefined && { until }) }
}

// Application codes outside the ranges that JSON-RPC and MCP reserve: 31000 plus the HTTP status.
export function denialCode(reason: DenialReason): number {
  return codes[reason] ?? 31_403
}
