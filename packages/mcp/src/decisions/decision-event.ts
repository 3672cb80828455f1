import type { Identity } from '@onbehalf/core'
import type { Allow, Deny } from '@onbehalf/core/guards'

/** One decision on one request, for the operator. */
export interface DecisionEvent {
  /**
   * JSON-RPC method, for example `tools/call`. Of a request to the session of another caller, which
   * nobody reads, it is `HTTP` and the HTTP method.
   */
  readonly method: string
  /** Name of the registered tool; absent for other methods and for names that no tool has. */
  readonly tool?: string
  /** Name of the registered prompt. */
  readonly prompt?: string
  /** URI of the registered resource, or name of the template that serves it. */
  readonly resource?: string
  readonly identity: Identity | undefined
  readonly decision: Allow | Deny
}
