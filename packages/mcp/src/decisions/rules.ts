import { IdentityError } from '@onbehalf/core'
import { type Allow, type Deny, deny } from '@onbehalf/core/guards'
import type { OpenRequest } from '../ambient/open-requests.ts'
import type { GateRules } from '../gate/gate.ts'
import { createDenialError, createDenialResult } from '../handlers/denial.ts'
import { validIdentity } from '../handlers/policy.ts'
import { targetOf } from '../items/target.ts'
import { createdTask, namedTasks } from '../owners/task-owners.ts'
import { isRecord, type Message, paramsOf, type Reply, type Request } from '../wire/json-rpc.ts'
import { openMethods } from '../wire/open-methods.ts'
import { CallRecords } from './call-records.ts'
import { decideRequest, isToolCall, type Protection } from './decide-request.ts'
import { filterAnswer } from './filter-list.ts'
import { mask, unmask } from './placeholder.ts'
import { recordDecision } from './record-decision.ts'

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** Another caller's session or task. */
const foreign: Deny = deny('owner', 'session_owner_mismatch')

/** What a protected server decides, as its gates apply them. */
export function createRules(protection: Protection): GateRules {
  const { now, report, audit } = protection
  const calls = new CallRecords(protection)

  function conclude(
    open: OpenRequest,
    decision: Allow | Deny,
  ): Reply | undefined | Promise<Reply | undefined> {
    const refused = recordDecision(protection, open, decision)
    const recorded = decision.effect === 'allow' ? calls.begin(open) : refused
    const answer = () => (decision.effect === 'allow' ? undefined : refuse(open.request, decision))
    return recorded === undefined ? answer() : recorded.then(answer)
  }

  function refuse(request: Request, decision: Deny): Reply | undefined {
    return hide(protection, request) ? undefined : createReply(request, decision)
  }

  async function admitTask(
    open: OpenRequest,
    named: readonly string[],
  ): Promise<Reply | undefined> {
    const { request, identity } = open
    const decision = await decideRequest(protection, request, identity)
    const hidden = await protection.tasks.foreign(named, identity)
    if (decision.effect === 'deny' || hidden.length === 0) return conclude(open, decision)
    await recordDecision(protection, open, foreign)
    for (const task of hidden) mask(request, task)
    return undefined
  }

  return {
    admit: (open) => {
      if (openMethods.has(open.request.method)) return undefined
      const tasks = namedTasks(open.request)
      if (tasks.length > 0) return admitTask(open, tasks)
      const decision = decideRequest(protection, open.request, open.identity)
      return decision instanceof Promise
        ? decision.then((settled) => conclude(open, settled))
        : conclude(open, decision)
    },
    abandon: (open) => calls.ended(open, 'cancelled'),
    onForeign: (method, identity) => {
      report?.({ method, identity, decision: foreign })
      const error = new IdentityError('SESS', { reason: foreign.reason })
      return audit?.refusal({ method, identity, guard: foreign.guard, error })
    },
    accepts: (method, identity) =>
      method.startsWith('notifications/') || validIdentity(identity, now()) !== undefined,
    release: (open, answer) => {
      const released = release(protection, open, answer)
      const ended = calls.answered(open, answer)
      return ended === undefined ? released : Promise.all([released, ended]).then(([sent]) => sent)
    },
    now,
    refused: (open, decision) => recordDecision(protection, open, decision),
    threw: (open) => calls.threw(open),
  }
}

function release(
  protection: Protection,
  open: OpenRequest,
  answer: Message,
): Message | Promise<Message> {
  const { request, identity } = open
  const task = createdTask(answer)
  const released = filterAnswer(protection, open, unmask(request, answer))
  if (task === undefined || identity === undefined) return released
  return protection.tasks.keep(task, identity).then(() => released)
}

/** Has the SDK answer for an item that does not exist, where that is asked for and possible. */
function hide({ hideRefused, items }: Protection, request: Request): boolean {
  const { kind, name: used } = targetOf(items, request)
  if (!hideRefused || kind === 'method') return false
  const { name, uri, ref } = paramsOf(request)
  const { name: refName, uri: refUri } = isRecord(ref) ? ref : {}
  const hidden = [name, uri, refName, refUri].find((text) => typeof text === 'string')
  // A template for any URI at all would serve the stand-in as well.
  const isServed = kind === 'resource' && items.findResource('urn:uuid:0').item !== undefined
  if (used === undefined || hidden === undefined || isServed) return false
  mask(request, hidden as string)
  return true
}

// A call that asks for a task is answered with a task: a tool's result would be malformed there.
function createReply(request: Request, decision: Deny): Reply {
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
