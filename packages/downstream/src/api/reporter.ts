import type { Identity } from '@onbehalf/core'
import { setRemedy } from '@onbehalf/mcp/internal'
import { type Caller, identityOfCaller, type VerifiedCaller } from '../caller.ts'
import { DownstreamError } from '../errors.ts'
import type { DownstreamEvent } from '../events.ts'
import { GrantFault } from '../oauth/fault.ts'
import type { ApiToken } from '../tokens/token.ts'
import { type CallRecord, createCallRecord } from './call-record.ts'
import type { ApiSettings } from './options.ts'
import { findRemedy, type RemedySettings } from './remedy.ts'

/** Tells operators what happened at one API, and handlers no more than they may know. */
export interface Reporter {
  obtained(caller: VerifiedCaller, token: ApiToken, seconds: number): void
  /** @throws DownstreamError in place of any fault */
  answering<T>(
    caller: Caller,
    work: (identity: Identity<unknown> | undefined, record: CallRecord) => Promise<T>,
  ): Promise<T>
}

const maxDescription = 500

export function createReporter(
  settings: Pick<ApiSettings, 'name'> & RemedySettings,
  tell: (event: DownstreamEvent) => void,
): Reporter {
  const api = settings.name
  const grant = settings.grant.name

  async function refuse(
    fault: GrantFault,
    caller: Caller,
    identity: Identity<unknown> | undefined,
  ): Promise<DownstreamError> {
    const { code, detail, said } = fault
    const answered = said && { error: visible(said.error, 100), status: said.status }
    const description = said?.description && visible(said.description, maxDescription)
    const { reason } = detail
    tell({ type: 'refused', api, code, reason, identity, answered, description })
    const remedy = await findRemedy(fault, settings, caller, identity).catch((cause: unknown) => {
      tell({ type: 'consent_page_failed', api, cause })
      return undefined
    })
    const url = remedy?.kind === 'url' ? remedy.url : undefined
    const error = new DownstreamError(code, { api, ...detail, url })
    if (remedy !== undefined) setRemedy(error, remedy)
    return error
  }

  return {
    obtained: ({ identity }, { scopes }, seconds) =>
      tell({ type: 'token_obtained', api, grant, identity, scopes, seconds }),
    answering: async (caller, work) => {
      const identity = identityOfCaller(caller)
      const record = createCallRecord(settings, caller)
      try {
        return await work(identity, record)
      } catch (thrown) {
        if (!(thrown instanceof GrantFault)) throw thrown
        const error = await refuse(thrown, caller, identity)
        await record.refused(error.reason)
        throw error
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
