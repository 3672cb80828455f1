import type { Identity } from '@onbehalf/core'
import type { VerifiedCaller } from '../caller.ts'
import { DownstreamError } from '../errors.ts'
import type { DownstreamEvent } from '../events.ts'
import { GrantFault } from '../oauth/fault.ts'
import type { ApiToken } from '../tokens/token.ts'

/** Tells operators what happened at one API, and handlers no more than they may know. */
export interface Reporter {
  obtained(caller: VerifiedCaller, token: ApiToken, seconds: number): void
  /** @throws DownstreamError in place of any fault */
  answering<T>(
    identity: Identity<unknown> | undefined,
    work: (identity: Identity<unknown> | undefined) => Promise<T>,
  ): Promise<T>
}

const maxDescription = 500

export function createReporter(
  api: string,
  grant: string,
  tell: (event: DownstreamEvent) => void,
): Reporter {
  function refuse(fault: GrantFault, identity: Identity<unknown> | undefined): DownstreamError {
    const { code, detail, said } = fault
    const answered = said && { error: visible(said.error, 100), status: said.status }
    const description = said?.description && visible(said.description, maxDescription)
    const { reason } = detail
    tell({ type: 'refused', api, code, reason, identity, answered, description })
    return new DownstreamError(code, { api, ...detail })
  }

  return {
    obtained: ({ identity }, { scopes }, seconds) =>
      tell({ type: 'token_obtained', api, grant, identity, scopes, seconds }),
    answering: async (identity, work) => {
      try {
        return await work(identity)
      } catch (thrown) {
        throw thrown instanceof GrantFault ? refuse(thrown, identity) : thrown
      }
    },
  }
}

/** What a server said, on one line, without anything that looks like a token or a secret. */
function visible(text: string, max: number): string {
  return text
    .replaceAll(/[^\x20-\x7E]/g, ' ')
    .replaceAll(/[A-Za-z0-9_~+/=-]{24,}(?:\.[A-Za-z0-9_~+/=-]*)*/g, '...')
    .slice(0, max)
}
