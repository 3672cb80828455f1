import { type Identity, IdentityError } from '@onbehalf/core'
import type { IdentityLoss } from '@onbehalf/core/auth-info'
import { type Allow, allow, type Deny, deny, type Limit, narrow } from '@onbehalf/core/guards'
import { type Awaitable, andThen, isSubjectTokenKept } from '@onbehalf/core/internal'
import type { Received } from '../ambient/channels.ts'
import type { GateHandlers } from '../gate/gate-handlers.ts'
import type { Ask } from '../gate/inquiries.ts'
import { noteLoss } from '../handlers/identity-loss.ts'
import { validIdentity } from '../handlers/policy.ts'
import { isMissing } from '../items/items.ts'
import { hasOtherGrants } from '../owners/grants.ts'
import type { Protection } from '../protection.ts'
import {
  asksForTask,
  createdTask,
  inputRequestsOf,
  isListMethod,
  isRecord,
  type Message,
  makePrivate,
  namedTasks,
  noMethod,
  noTask,
  openMethods,
  paramsOf,
  type Reply,
  type Request,
} from '../wire/json-rpc.ts'
import { keepQuestions } from './asked-questions.ts'
import { type Challenge, challengeFor } from './challenge.ts'
import { createReply } from './create-reply.ts'
import {
  decideRequest,
  describe,
  recordAllowed,
  recordAnswer,
  recordDecision,
  type Targeted,
  type TargetedRequest,
  toEvent,
  withTarget,
} from './decide-request.ts'
import { filterAnswer } from './filter-list.ts'
import { faultOf, isLimited, takeLimits } from './limits.ts'
import { isOnlyListed, lookUp } from './listing.ts'
import { missingItem } from './missing-item.ts'
import { recordAbandoned } from './record-abandoned.ts'
import { answerable, applyRemedy, type KnownClient } from './remedy.ts'
import { inPlace } from './task-place.ts'

/** Another caller's session or task. */
const foreign: Deny = deny('owner', 'session_owner_mismatch')

/**
 * What a protected server decides, as the gate of one connection applies it.
 *
 * @param announce is called when the lists of the connection's caller may have changed
 */
export function createGateHandlers(protection: Protection, announce: () => void): GateHandlers {
  const { now, report, audit, tracksIdentity, guardSeconds } = protection
  const client: KnownClient = {}
  let heard: Identity | undefined
  return {
    tracksIdentity,
    now,
    guardSeconds,
    receive: (open) => {
      const { method } = open.request
      if (method === 'initialize') client.capabilities = paramsOf(open.request)['capabilities']
      return { ...withTarget(protection, open), ...lossOf(protection, open) }
    },
    hear: (identity) => {
      if (identity === undefined || identity === heard) return
      if (heard !== undefined && hasOtherGrants(heard, identity)) announce()
      heard = identity
    },
    admit: (open: TargetedRequest, ask) => admit(protection, open, ask),
    abandon: (open: TargetedRequest) => {
      giveUpPlace(protection, open)
      open.limits?.answered()
      return recordAbandoned(protection, open)
    },
    end: (open: TargetedRequest, decision) => {
      giveUpPlace(protection, open)
      report?.(toEvent(protection, open, decision, undefined))
      return createReply(open, decision)
    },
    onForeign: (method, identity) => {
      report?.({ type: 'decision', method, identity, decision: foreign })
      const error = new IdentityError('SESS', { reason: 'session_owner_mismatch' })
      return audit?.refusal({ method, identity, guard: foreign.guard, error })
    },
    admitNotification: (received) => admitNotification(protection, received),
    release: (open: TargetedRequest, answer) => {
      open.limits?.answered()
      const remedied = open.thrown ? applyRemedy(protection, open, answer, client) : answer
      const questions = inputRequestsOf(remedied)
      if (audit && questions) keepQuestions(audit, open, questions, remedied)
      const released = release(protection, open, remedied)
      const recorded = recordAnswer(protection, open, answer)
      return recorded === undefined
        ? released
        : Promise.all([released, recorded]).then(([sent]) => sent)
    },
    refused: (open: TargetedRequest, decision) => recordDecision(protection, open, decision),
  }
}

/** Why a request lacks an identity, unless that is as it may be: guests, or a token that was refused. */
function lossOf(
  { acceptsGuests, authenticator }: Protection,
  { identity, extra }: Received,
): { readonly loss?: IdentityLoss } {
  if (identity !== undefined) return {}
  const loss = noteLoss(extra?.authInfo)
  const isExpected = loss === 'no_auth_info' && (acceptsGuests || authenticator !== undefined)
  return loss === undefined || isExpected ? {} : { loss }
}

function admit(
  protection: Protection,
  open: TargetedRequest,
  ask: Ask,
): Awaitable<Reply | undefined> {
  const tasks = namedTasks(open.request)
  if (tasks.length > 0) return admitTask(protection, open, tasks)
  if (openMethods.has(open.request.method)) return undefined
  const decide = (): Awaitable<Reply | undefined> =>
    andThen(decideRequest(protection, open), (decision) =>
      isUncertain(protection, open, decision)
        ? lookUp(open, ask).then(() => conclude(protection, open, decision))
        : conclude(protection, open, decision),
    )
  return readsList(protection, open) ? lookUp(open, ask).then(decide) : decide()
}

/** Whether a decision, or the record of it, depends on what only the server's own list says. */
function readsList(protection: Protection, open: TargetedRequest): boolean {
  const { rules, audit } = protection
  if (open.target.item !== undefined || !isOnlyListed(protection, open)) return false
  return rules.readsAnnotations(open.target) || audit?.recordsValues?.(describe(open)) === true
}

/** Whether a challenge would be for an item that is perhaps not there. */
function isUncertain(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow | Deny,
): boolean {
  const isChallenge = decision.effect === 'deny' && decision.reason === 'scope_missing'
  return isChallenge && open.target.item === undefined && isOnlyListed(protection, open)
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
  return protection.server.handles(open.request.method) ? noTask : noMethod
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
  const limits = protection.rules.limitsFor(open.target)
  return limits.length === 0
    ? pass(protection, open, decision)
    : passLimited(protection, open, decision, limits)
}

function pass(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow,
): Awaitable<Reply | undefined> {
  const { request, identity } = open
  // Its handler may find that the user has to sign in again.
  const mayAsk = identity !== undefined && isSubjectTokenKept(identity)
  if (mayAsk && answerable.has(request.method)) open.exchange?.mayRefuseLater()
  if (asksForTask(request)) return passTask(protection, open, decision)
  return recordAllowed(protection, open, decision)?.then(() => undefined)
}

async function passTask(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow,
): Promise<Reply | undefined> {
  const full = await inPlace(protection, open, () => recordAllowed(protection, open, decision))
  if (full === undefined) return undefined
  await recordDecision(protection, open, full)
  return createReply(open, full)
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
    const full = await pass(protection, open, decision)
    if (full !== undefined) open.limits?.undo()
    return full
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
    const isHiddenOrGone = isHidden || isUnknown(protection, open, decision)
    const missing = isHiddenOrGone ? missingItem(protection, open) : undefined
    return missing ?? createReply(open, decision)
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
  if (task !== undefined && identity !== undefined) {
    return protection.tasks.keep(task, identity, open.place).then(() => released)
  }
  giveUpPlace(protection, open)
  return released
}

/** No task was made. */
function giveUpPlace({ tasks }: Protection, { place }: TargetedRequest): void {
  if (place !== undefined) tasks.free(place)
}

/** What depends on the caller is kept from shared caches. */
function keepPrivate({ method }: Request, answer: Message): Message {
  const { result } = answer
  const isCommon = method === 'server/discover' || !isRecord(result)
  return isCommon ? answer : { ...answer, result: makePrivate(result) }
}

/** Whether an item is known not to be there, which a caller with an identity may learn. */
function isUnknown(
  { servesItself }: Protection,
  { request, target }: TargetedRequest,
  { reason }: Deny,
): boolean {
  const isKnown = reason !== 'identity_missing' && reason !== 'identity_expired'
  return isKnown && target.isCall === true && isMissing(target, request.method, servesItself)
}
