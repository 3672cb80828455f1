import type { AuditIntent, AuditOutcome } from '@onbehalf/core'
import type { OpenRequest } from '../ambient/open-requests.ts'
import type { Message } from '../wire/json-rpc.ts'
import { toAuditCall, toAuditResult } from './audit-call.ts'
import type { Protection } from './decide-request.ts'

/** The calls of a server that are recorded to run, until it is recorded how they ended. */
export class CallRecords {
  readonly #protection: Protection
  readonly #intents = new WeakMap<OpenRequest, AuditIntent>()
  readonly #thrown = new WeakSet<OpenRequest>()

  constructor(protection: Protection) {
    this.#protection = protection
  }

  /**
   * Records that a call is about to run.
   *
   * @throws IdentityError `AUDIT` when a strict trail cannot record it
   */
  begin(open: OpenRequest): Promise<void> | undefined {
    const intent = this.#protection.audit?.intent(toAuditCall(this.#protection, open))
    return intent?.then((recorded) => void this.#intents.set(open, recorded))
  }

  /** Its handler threw, which its answer may not tell: SDKs make a tool's error of it. */
  threw(open: OpenRequest): void {
    this.#thrown.add(open)
  }

  /** @throws IdentityError `AUDIT` when a strict trail cannot record it: do not answer */
  answered(open: OpenRequest, answer: Message): Promise<void> | undefined {
    const { request } = open
    return this.#intents
      .get(open)
      ?.result(toAuditResult(this.#protection, request, answer, this.#thrown.has(open)))
  }

  /** It ended without an answer that is worth recording. */
  ended(open: OpenRequest, outcome: AuditOutcome): Promise<void> | undefined {
    return this.#intents.get(open)?.result({ outcome })
  }
}
