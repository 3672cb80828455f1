import type { Deny } from '@onbehalf/core/guards'
import { createDenialError, createDenialResult } from '../handlers/denial.ts'
import { isModern, type Reply } from '../wire/json-rpc.ts'
import { isRefusedByError, type TargetedRequest } from './decide-request.ts'

/** The answer to a request that is refused. The gate speaks the wire format. */
export function createReply({ request }: TargetedRequest, decision: Deny): Reply {
  if (isRefusedByError(request)) return { error: createDenialError(decision) }
  const result = createDenialResult(decision)
  // Results of the 2026-07-28 revision name their type.
  return { result: isModern(request) ? { ...result, resultType: 'complete' } : result }
}
