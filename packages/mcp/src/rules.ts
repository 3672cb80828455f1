import type { Allow, Deny } from '@onbehalf/core/guards'
import { decideRequest, isToolCall, type Protection, toEvent } from './decide-request.ts'
import { createDenialError, createDenialResult } from './denial.ts'
import { filterAnswer, listMethods } from './filter-list.ts'
import type { GateRules } from './gate.ts'
import { isRecord, paramsOf, type Reply, type Request } from './json-rpc.ts'
import type { OpenRequest } from './open-requests.ts'
import { validIdentity } from './policy.ts'

// Handshake and lists: without an identity they show nothing but public tools.
const openToAnyone = new Set(['initialize', 'ping', 'server/discover', ...listMethods])

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** The rules of a protected server, as its gates apply them. */
export function createRules(protection: Protection): GateRules {
  const { now, report } = protection

  function admit(open: OpenRequest): Reply | undefined | Promise<Reply | undefined> {
    const { request, identity } = open
    if (openToAnyone.has(request.method)) return undefined
    const conclude = (decision: Allow | Deny): Reply | undefined => {
      report(toEvent(protection, request, identity, decision))
      return decision.effect === 'deny' ? refuse(request, decision) : undefined
    }
    const decision = decideRequest(protection, request, identity)
    return decision instanceof Promise ? decision.then(conclude) : conclude(decision)
  }

  return {
    admit,
    accepts: (method, identity) =>
      method.startsWith('notifications/') || validIdentity(identity, now()) !== undefined,
    release: (open, answer) => filterAnswer(protection, open, answer),
    describe: (method, identity) => ({
      identity: validIdentity(identity, now()),
      method,
      now,
      report,
    }),
  }
}

// A call that asks for a task is answered with a task: a tool's result would be malformed there.
function refuse(request: Request, decision: Deny): Reply {
  if (!isToolCall(request) || paramsOf(request)['task'] !== undefined) {
    return { error: createDenialError(decision) }
  }
  const result = createDenialResult(decision)
  return { result: isModern(request) ? { ...result, resultType: 'complete' } : result }
}

// The gate speaks the wire format. Results of the 2026-07-28 revision name their type.
function isModern(request: Request): boolean {
  const { _meta: meta } = paramsOf(request)
  return isRecord(meta) && versionKey in meta
}
