import { recordedCallOf } from '@onbehalf/mcp/internal'
import type { Caller } from '../caller.ts'
import type { FoundToken } from '../tokens/token-source.ts'
import type { ApiSettings } from './options.ts'

/** What is recorded of one call of an API, in the chain of the call that needed it. */
export interface CallRecord {
  /** W3C `traceparent` of the caller. */
  readonly traceparent: string | undefined
  /** @throws IdentityError `AUDIT` when a strict trail cannot record it: do not use the token */
  used(found: FoundToken): Promise<void>
  /** @throws IdentityError `AUDIT` when a strict trail cannot record it */
  refused(reason: string): Promise<void>
}

// A `traceparent` that nobody wrote by hand: any other text stays here.
const wellFormed = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Outside a call of a protected server, nothing is recorded. */
export function createCallRecord(
  { name: api, grant, target }: Pick<ApiSettings, 'name' | 'grant' | 'target'>,
  caller: Caller,
): CallRecord {
  const { intent, traceparent = '' } = recordedCallOf(caller) ?? {}
  const common = { api, grant: grant.name }
  return {
    traceparent: wellFormed.test(traceparent) ? traceparent : undefined,
    used: async ({ token, isFresh }) => {
      const { scopes, tokenId } = token
      const outcome = isFresh ? 'fresh' : 'cached'
      await intent?.exchange({ ...common, outcome, scopes, tokenId })
    },
    refused: async (reason) => {
      await intent?.exchange({ ...common, outcome: 'refused', scopes: target.scopes, reason })
    },
  }
}
