import { randomUUID } from 'node:crypto'
import { IdentityError } from '@onbehalf/core'
import { type Allow, type Deny, deny } from '@onbehalf/core/guards'
import type { GateHandlers } from '../gate/gate.ts'
import { createDenialError, createDenialResult } from '../handlers/denial.ts'
import { validIdentity } from '../handlers/policy.ts'
import { parseUri } from '../items/items.ts'
import type { Protection } from '../protection.ts'
import {
  createdTask,
  isRecord,
  type Message,
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

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** Another caller's session or task. */
const foreign: Deny = deny('owner', 'session_owner_mismatch')

type Settled<T> = T | Promise<T>

/** What a protected server decides, as its gates apply it. */
export function createGateHandlers(protection: Protection): GateHandlers {
  const { now, report, audit, tracksIdentity } = protection
  return {
    tracksIdentity,
    now,
    receive: (open) => withTarget(protection, open),
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
      const released = release(protection, open, answer)
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
  const { request, identity } = open
  const decision = await decideRequest(protection, open)
  const hidden = await protection.tasks.foreign(named, identity)
  if (decision.effect === 'deny' || hidden.length === 0) return conclude(protection, open, decision)
  await recordDecision(protection, open, foreign)
  for (const task of hidden) mask(request, task)
  return undefined
}

function conclude(
  protection: Protection,
  open: TargetedRequest,
  decision: Allow | Deny,
): Settled<Reply | undefined> {
  if (decision.effect === 'deny') return refuse(protection, open, decision)
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
  const released = filterAnswer(protection, open, unmask(request, answer))
  if (task === undefined || identity === undefined) return released
  return protection.tasks.keep(task, identity).then(() => released)
}

/** Makes the SDK answer for an item that does not exist, if that is asked for and possible. */
function hide({ hidesRefused, items }: Protection, { request, target }: TargetedRequest): boolean {
  const { kind, name: used } = target
  if (!hidesRefused || kind === 'method') return false
  const { name, uri, ref } = paramsOf(request)
  const { name: refName, uri: refUri } = isRecord(ref) ? ref : {}
  const hidden = [name, uri, refName, refUri].find((text) => typeof text === 'string')
  // A template for any URI at all would serve the placeholder as well.
  const isServed = kind === 'resource' && items.findResource('urn:uuid:0').item !== undefined
  if (used === undefined || hidden === undefined || isServed) return false
  mask(request, hidden as string)
  return true
}

// A call that asks for a task is answered with a task: a tool's result would be malformed there.
function createReply(request: Request, decision: Deny): Reply {
  if (request.method !== 'tools/call' || paramsOf(request)['task'] !== undefined) {
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

interface StandIn {
  readonly hidden: string
  readonly shown: string
}

const standIns = new WeakMap<Request, readonly StandIn[]>()

/**
 * Puts a name that nothing has in the place of one in a request. The SDK then answers as it does for
 * what does not exist, whatever that answer is in its version; `unmask` puts the name back into it.
 */
function mask(request: Request, hidden: string): void {
  const id = randomUUID()
  // SDKs show a URI as it was sent or normalized: the case of the scheme distinguishes the two.
  const standIn = { hidden, shown: `URN:uuid:${id}` }
  const normalized = { hidden: parseUri(hidden)?.href ?? hidden, shown: `urn:uuid:${id}` }
  standIns.set(request, [...(standIns.get(request) ?? []), standIn, normalized])
  const params = structuredClone(request.params)
  replaceIn(params, standIn)
  Object.assign(request, { params })
}

/** The answer as if the request had been dispatched with its own names. */
function unmask(request: Request, answer: Message): Message {
  const replaced = standIns.get(request)
  if (replaced === undefined) return answer
  const text = replaced.reduce(
    (json, { hidden, shown }) => json.replaceAll(shown, () => inJson(hidden)),
    JSON.stringify(answer),
  )
  return JSON.parse(text) as Message
}

const naming = ['name', 'uri', 'taskId']

// The parameters themselves, what a completion refers to, and the task that `_meta` names.
function replaceIn(params: unknown, { hidden, shown }: StandIn): void {
  if (!isRecord(params)) return
  const { ref, _meta: meta } = params
  const places = [params, ref, ...(isRecord(meta) ? Object.values(meta) : [])].filter(isRecord)
  for (const place of places) {
    const members = naming.filter((member) => place[member] === hidden)
    Object.assign(place, Object.fromEntries(members.map((member) => [member, shown])))
  }
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
