import { channel } from 'node:diagnostics_channel'
import { recordedCallOf } from '@onbehalf/mcp/internal'
import type { Caller } from '../caller.ts'
import type { FoundToken } from '../tokens/token-source.ts'
import type { ApiSettings } from './options.ts'

/** What is recorded of one call of an API, in the chain of the call that needed it. */
export interface CallRecord {
  /** W3C `traceparent` of the caller, unless telemetry writes one into each request. */
  readonly traceparent: string | undefined
  /** @throws IdentityError `AUDIT` when a strict trail cannot record it: do not use the token */
  used(found: FoundToken): Promise<void>
  /** @throws IdentityError `AUDIT` when a strict trail cannot record it */
  refused(reason: string): Promise<void>
}

// A `traceparent` that nobody wrote by hand: any other text stays here.
const wellFormed = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

// Instrumentations of `fetch` listen here, and add the `traceparent` of their own span: an API could
// read neither of two. https://nodejs.org/api/diagnostics_channel.html
const requests = channel('undici:request:create')

/** Outside a call of a protected server, nothing is recorded. */
export function createCallRecord(
  { name: api, grant, target }: Pick<ApiSettings, 'name' | 'grant' | 'target'>,
  caller: Caller,
): CallRecord {
  const { intent, traceparent = '' } = recordedCallOf(caller) ?? {}
  const common = { api, grant: grant.name }
  const isOurs = wellFormed.test(traceparent) && !requests.hasSubscribers
  return {
    traceparent: isOurs ? traceparent : undefined,
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
