import { IdentityError } from '@onbehalf/core'
import { type Allow, allow, type Deny, deny, type Limit, narrow } from '@onbehalf/core/guards'
import { type Awaitable, andThen } from '@onbehalf/core/internal'
import type { Received } from '../ambient/channels.ts'
import type { GateHandlers } from '../gate/gate-handlers.ts'
import { createDenialError, createDenialResult } from '../handlers/denial.ts'
import { validIdentity } from '../handlers/policy.ts'
import type { Protection } from '../protection.ts'
import {
  asksForTask,
  createdTask,
  isListMethod,
  isModern,
  isRecord,
  type Message,
  makePrivate,
  namedTasks,
  noTask,
  openMethods,
  type Reply,
  type Request,
} from '../wire/json-rpc.ts'
import { type Challenge, challengeFor } from './challenge.ts'
import {
  decideRequest,
  recordAnswer,
  recordDecision,
  recordIntent,
  type Targeted,
  type TargetedRequest,
  toEvent,
  withTarget,
} from './decide-request.ts'
import { filterAnswer } from './filter-list.ts'
import { faultOf, isLimited, limitsFor, takeLimits } from './limits.ts'
import { missingItem } from './missing-item.ts'
import { recordAbandoned } from './record-abandoned.ts'
import { applyRemedy, hearClient, type KnownClient, mayRefuseLater } from './remedy.ts'

/** Another caller's session or task. */
const foreign: Deny = deny('owner', 'session_owner_mismatch')

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
    abandon: (open: TargetedRequest) => {
      open.limits?.answered()
      return recordAbandoned(open)
    },
    expire: (open: TargetedRequest, limit) => {
      const decision = deny(limit, 'time_limited')
      report?.(toEvent(open, decision, undefined))
      return createReply(open.request, decision)
    },
    onForeign: (method, identity) => {
      report?.({ type: 'decision', method, identity, decision: foreign })
      const error = new IdentityError('SESS', { reason: 'session_owner_mismatch' })
      return audit?.refusal({ method, identity, guard: foreign.guard, error })
    },
    admitNotification: (received) => admitNotification(protection, received),
    release: (open: TargetedRequest, answer) => {
      open.limits?.answered()
      const released = release(protection, open, applyRemedy(protection, open, answer, client))
      const recorded = recordAnswer(open, answer)
      return recorded === undefined
        ? released
        : Promise.all([released, recorded]).then(([sent]) => sent)
    },
    refused: (open: TargetedRequest, decision) => recordDecision(protection, open, decision),
  }
}

function admit(protection: Protection, open: TargetedRequest): Awaitable<Reply | undefined> {
  const tasks = namedTasks(open.request)
  if (tasks.length > 0) return admitTask(protection, open, tasks)
  if (openMethods.has(open.request.method)) return undefined
  const decision = decideRequest(protection, open)
  return decision instanceof Promise
    ? decision.then((settled) => conclude(protection, open, settled))
    : conclude(protection, open, decision)
}

// A task that is not the caller's own is refused whether it exists or not: no server is asked.
async function admitTask(
  protection: Protection,
  open: TargetedRequest,
  named: readonly unknown[],
): Promise<Reply | undefined> {
  const isOpen = openMethods.has(open.request.method)
  const decision = isOpen ? allow : await decideRequest(protection, open)
  if (decision.effect === 'deny') return conclude(protection, open, decision)
  const isForeign = await namesOthers(protection, open, named)
  if (!isForeign) return isOpen ? undefined : conclude(protection, open, decision)
  await recordDecision(protection, open, foreign)
  return noTask
}

async function namesOthers(
  { tasks, now }: Protection,
  { identity }: Received,
  named: readonly unknown[],
): Promise<boolean> {
  const others = await tasks.foreign(named, validIdentity(identity, now()))
  return others.length > 0
}

/** Nobody waits for what becomes of a notification: a refusal is reported and recorded. */
function admitNotification(protection: Protection, received: Received): Awaitable<boolean> {
  if (received.request.method === 'notifications/initialized') return true
  const targeted = withTarget(protection, received)
  return andThen(decideNotification(protection, targeted), (decision) => {
    received.acting = received.identity && narrow(received.identity, decision)
    const recorded = recordDecision(protection, targeted, decision)
    return andThen(recorded, () => decision.effect === 'allow')
  })
}

function decideNotification(protection: Protection, received: Targeted): Awaitable<Allow | Deny> {
  const tasks = namedTasks(received.request)
  const decision = decideRequest(protection, received)
  if (tasks.length === 0) return decision
  return namesOthers(protection, received, tasks).then((isForeign) =>
    isForeign ? foreign : decision,
  )
}

function conclude(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow | Deny,
): Awaitable<Reply | undefined> {
  if (decision.effect === 'deny') {
    return refuse(protection, open, decision, challengeFor(protection, open, decision))
  }
  open.acting = open.identity && narrow(open.identity, decision)
  const limits = limitsFor(protection, open)
  return limits.length === 0
    ? pass(protection, open, decision)
    : passLimited(protection, open, decision, limits)
}

function pass(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow,
): Promise<undefined> | undefined {
  if (mayRefuseLater(open)) open.exchange?.mayRefuseLater()
  const reported = recordDecision(protection, open, decision)
  const recorded = reported ?? recordIntent(protection, open)
  return recorded?.then(() => undefined)
}

async function passLimited(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow,
  limits: readonly Limit[],
): Promise<Reply | undefined> {
  const denied = await takeLimits(protection, open, limits)
  if (denied !== undefined) {
    return refuse(protection, open, denied, faultOf(protection, open, denied))
  }
  try {
    return await pass(protection, open, decision)
  } catch (error) {
    open.limits?.undo()
    throw error
  }
}

function refuse(
  protection: Protection,
  open: TargetedRequest,
  decision: Deny,
  challenge: Challenge | undefined,
): Awaitable<Reply> {
  const recorded = recordDecision(protection, open, decision, challenge?.error)
  const reply = (): Reply => {
    if (challenge !== undefined) open.exchange?.refused(challenge.refusal)
    // A caller whom a limit refuses knows the item.
    const isHidden = protection.hidesRefused && !isLimited(decision)
    const missing = isHidden ? missingItem(protection, open) : undefined
    return missing ?? createReply(open.request, decision)
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
  const isCut = isListMethod(request.method)
  const released = isCut ? filterAnswer(protection, open, answer) : keepPrivate(request, answer)
  if (task === undefined || identity === undefined) return released
  return protection.tasks.keep(task, identity).then(() => released)
}

/** What depends on the caller is kept from shared caches. */
function keepPrivate({ method }: Request, answer: Message): Message {
  const { result } = answer
  const isCommon = method === 'server/discover' || !isRecord(result)
  return isCommon ? answer : { ...answer, result: makePrivate(result) }
}

// A call that asks for a task is answered with a task: a tool's result would be malformed there.
function createReply(request: Request, decision: Deny): Reply {
  if (request.method !== 'tools/call' || asksForTask(request)) {
    return { error: createDenialError(decision) }
  }
  const result = createDenialResult(decision)
  // The gate speaks the wire format. Results of the 2026-07-28 revision name their type.
  return { result: isModern(request) ? { ...result, resultType: 'complete' } : result }
}
