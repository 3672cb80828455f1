import { IdentityError } from '@onbehalf/core'
import { type Allow, type Deny, deny } from '@onbehalf/core/guards'
import type { GateHandlers } from '../gate/gate.ts'
import { createDenialError, createDenialResult } from '../handlers/denial.ts'
import { validIdentity } from '../handlers/policy.ts'
import type { Protection } from '../protection.ts'
import {
  createdTask,
  isListMethod,
  isModern,
  isRecord,
  type Message,
  makePrivate,
  namedTasks,
  openMethods,
  paramsOf,
  type Reply,
  type Request,
} from '../wire/json-rpc.ts'
import { challengeFor } from './challenge.ts'
import {
  decideRequest,
  recordAnswer,
  recordDecision,
  recordEnd,
  recordIntent,
  type TargetedRequest,
  withTarget,
} from './decide-request.ts'
import { filterAnswer } from './filter-list.ts'
import { mask, unmask } from './placeholder.ts'
import { applyRemedy, hearClient, type KnownClient, mayRefuseLater } from './remedy.ts'

/** Another caller's session or task. */
const foreign: Deny = deny('owner', 'session_owner_mismatch')

type Settled<T> = T | Promise<T>

/** What a protected server decides, as its gates apply it. */
export function createGateHandlers(protection: Protection): GateHandlers {
  const { now, report, audit, tracksIdentity } = protection
  const client: KnownClient = {}
  return {
    tracksIdentity,
    now,
    receive: (open) => {
      hearClient(client, open.request)
      return withTarget(protection, open)
    },
    admit: (open: TargetedRequest) => admit(protection, open),
    abandon: (open: TargetedRequest) => recordEnd(open, 'cancelled'),
    onForeign: (method, identity) => {
      report?.({ type: 'decision', method, identity, decision: foreign })
      const error = new IdentityError('SESS', { reason: 'session_owner_mismatch' })
      return audit?.refusal({ method, identity, guard: foreign.guard, error })
    },
    accepts: (method, identity) =>
      method.startsWith('notifications/') || validIdentity(identity, now()) !== undefined,
    release: (open: TargetedRequest, answer) => {
      const released = release(protection, open, applyRemedy(protection, open, answer, client))
      const recorded = recordAnswer(open, answer)
      return recorded === undefined
        ? released
        : Promise.all([released, recorded]).then(([sent]) => sent)
    },
    refused: (open: TargetedRequest, decision) => recordDecision(protection, open, decision),
  }
}

function admit(protection: Protection, open: TargetedRequest): Settled<Reply | undefined> {
  if (openMethods.has(open.request.method)) return undefined
  const tasks = namedTasks(open.request)
  if (tasks.length > 0) return admitTask(protection, open, tasks)
  const decision = decideRequest(protection, open)
  return decision instanceof Promise
    ? decision.then((settled) => conclude(protection, open, settled))
    : conclude(protection, open, decision)
}

async function admitTask(
  protection: Protection,
  open: TargetedRequest,
  named: readonly string[],
): Promise<Reply | undefined> {
  const { identity } = open
  const decision = await decideRequest(protection, open)
  const hidden = await protection.tasks.foreign(named, identity)
  if (decision.effect === 'deny' || hidden.length === 0) return conclude(protection, open, decision)
  await recordDecision(protection, open, foreign)
  for (const task of hidden) mask(open, task)
  return undefined
}

function conclude(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow | Deny,
): Settled<Reply | undefined> {
  if (decision.effect === 'deny') return refuse(protection, open, decision)
  if (mayRefuseLater(open)) open.exchange?.mayRefuseLater()
  const reported = recordDecision(protection, open, decision)
  const recorded = reported ?? recordIntent(protection, open)
  return recorded?.then(() => undefined)
}

function refuse(
  protection: Protection,
  open: TargetedRequest,
  decision: Deny,
): Settled<Reply | undefined> {
  const challenge = challengeFor(protection, open, decision)
  const recorded = recordDecision(protection, open, decision, challenge?.error)
  const reply = (): Reply | undefined => {
    if (challenge !== undefined) open.exchange?.refused(challenge.refusal)
    return hide(protection, open) ? undefined : createReply(open.request, decision)
  }
  return recorded === undefined ? reply() : recorded.then(reply)
}

function release(
  protection: Protection,
  open: TargetedRequest,
  answer: Message,
): Message | Promise<Message> {
  const { request, identity } = open
  const task = createdTask(answer)
  const named = open.isMasked ? unmask(request, answer) : answer
  const isCut = isListMethod(request.method)
  const released = isCut ? filterAnswer(protection, open, named) : keepPrivate(request, named)
  if (task === undefined || identity === undefined) return released
  return protection.tasks.keep(task, identity).then(() => released)
}

/** What depends on the caller is kept from shared caches. */
function keepPrivate({ method }: Request, answer: Message): Message {
  const { result } = answer
  const isCommon = method === 'server/discover' || !isRecord(result)
  return isCommon ? answer : { ...answer, result: makePrivate(result) }
}

/** Makes the SDK answer for an item that does not exist, if that is asked for and possible. */
function hide({ hidesRefused, items }: Protection, open: TargetedRequest): boolean {
  const { request, target } = open
  const { kind, name: used } = target
  if (!hidesRefused || kind === 'method') return false
  const { name, uri, ref } = paramsOf(request)
  const { name: refName, uri: refUri } = isRecord(ref) ? ref : {}
  const hidden = [name, uri, refName, refUri].find((text) => typeof text === 'string')
  // A template for any URI at all would serve the placeholder as well.
  const isServed = kind === 'resource' && items.findResource('urn:uuid:0').item !== undefined
  if (used === undefined || hidden === undefined || isServed) return false
  mask(open, hidden as string)
  return true
}

// A call that asks for a task is answered with a task: a tool's result would be malformed there.
function createReply(request: Request, decision: Deny): Reply {
  if (request.method !== 'tools/call' || paramsOf(request)['task'] !== undefined) {
    return { error: createDenialError(decision) }
  }
  const result = createDenialResult(decision)
  // The gate speaks the wire format. Results of the 2026-07-28 revision name their type.
  return { result: isModern(request) ? { ...result, resultType: 'complete' } : result }
}
