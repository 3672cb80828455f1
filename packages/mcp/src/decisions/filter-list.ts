import type { Identity } from '@onbehalf/core'
import type { Decision } from '@onbehalf/core/guards'
import { type Awaitable, andThen, gatewayMayList } from '@onbehalf/core/internal'
import type { OpenRequest } from '../ambient/channels.ts'
import { decideCall, decideListing, type Policy, validIdentity } from '../handlers/policy.ts'
import { type Listed, resourceTarget } from '../items/items.ts'
import type { Protection } from '../protection.ts'
import { isRecord, type Message, makePrivate } from '../wire/json-rpc.ts'
import { withSecuritySchemes } from './security-schemes.ts'

type Result = Readonly<Record<string, unknown>>
type Verdict = Awaitable<Decision>

/** Whom one list is for. */
interface Viewer {
  readonly identity: Identity | undefined
  readonly now: number
  readonly guardSeconds: number
  /** What is known already: items that ask the same of callers are decided on once. */
  readonly verdicts: Map<Policy | undefined, Verdict>
}

/** One kind of list. */
interface List {
  /** Member of the result that holds the list. */
  readonly member: string
  /** What is asked of callers of an entry. */
  readonly policyOf: (entry: Result, protection: Protection) => Policy | undefined
  /** Decides whether a caller may see it; by that policy alone, unless more is known of the call. */
  readonly decide?: (entry: Result, protection: Protection, viewer: Viewer) => Verdict
  /** An entry as it is shown. */
  readonly describe?: (entry: Result, policy: Policy | undefined, protection: Protection) => Result
}

const lists = new Map<string, List>([
  ['tools/list', { member: 'tools', policyOf: ofNamed('tool'), describe: withSecuritySchemes }],
  ['prompts/list', { member: 'prompts', policyOf: ofNamed('prompt') }],
  ['resources/list', { member: 'resources', policyOf: ofResource, decide: decideResource }],
  ['resources/templates/list', { member: 'resourceTemplates', policyOf: ofNamed('template') }],
])

/**
 * Takes out of an answer what its caller may not see. A page keeps its cursor, and what depends on
 * the caller is kept from shared caches.
 */
export function filterAnswer(
  protection: Protection,
  { request, identity }: OpenRequest,
  answer: Message,
): Message | Promise<Message> {
  const { result } = answer
  if (!isRecord(result)) return answer
  if (request.method === 'tasks/list') return filterTasks(protection, identity, answer)
  const list = lists.get(request.method)
  if (list === undefined) return answer
  const finish = (items: readonly unknown[]): Message => ({
    ...answer,
    result: makePrivate({ ...result, [list.member]: items }, true),
  })
  return andThen(filterList(list, protection, identity, result[list.member]), finish)
}

function filterList(
  list: List,
  protection: Protection,
  identity: Identity | undefined,
  listed: unknown,
): Awaitable<readonly unknown[]> {
  const entries = Array.isArray(listed) ? listed.filter(isRecord) : []
  const { guardSeconds } = protection
  const viewer: Viewer = { identity, now: protection.now(), guardSeconds, verdicts: new Map() }
  const all = entries.map((entry) => ({ entry, policy: list.policyOf(entry, protection) }))
  const show = ({ entry, policy }: (typeof all)[number]): Result =>
    list.describe?.(entry, policy, protection) ?? entry
  if (seesEverything(viewer)) return all.map(show)
  const verdicts = all.map(({ entry, policy }) =>
    list.decide ? list.decide(entry, protection, viewer) : decideOnce(policy, viewer),
  )
  const keep = (decisions: readonly Decision[]): readonly Result[] =>
    all.filter((_, index) => isShown(decisions[index], protection)).map(show)
  const isSettled = verdicts.every((verdict) => !(verdict instanceof Promise))
  if (isSettled) return keep(verdicts as Decision[])
  return Promise.all(verdicts.map(async (verdict) => verdict)).then(keep)
}

/** What a consent alone is missing for is shown: a client asks for it when the item is used. */
function isShown(decision: Decision | undefined, { hidesUnconsented }: Protection): boolean {
  if (decision?.effect !== 'deny') return decision !== undefined
  return decision.reason === 'scope_missing' && !hidesUnconsented
}

function decideOnce(policy: Policy | undefined, viewer: Viewer): Verdict {
  const { identity, verdicts } = viewer
  const verdict = verdicts.get(policy) ?? decideListing(policy, identity, viewer)
  verdicts.set(policy, verdict)
  return verdict
}

function ofNamed(kind: 'tool' | 'prompt' | 'template'): List['policyOf'] {
  return (entry, { items, rules }) => {
    const { name, uriTemplate } = entry
    const item = items[kind].get(name)
    const target =
      kind === 'template'
        ? ({ kind: 'resource', name: uriTemplate } as const)
        : ({ kind, name, listed: entry as Listed } as const)
    return rules.policyFor({ ...target, ...(item && { item }) })
  }
}

function ofResource({ uri }: Result, { items, rules }: Protection): Policy | undefined {
  return rules.policyFor(resourceTarget(items, uri))
}

// The URI of a listed resource is all that its guard would see of a call.
function decideResource(
  { uri }: Result,
  { items, rules }: Protection,
  { identity, now, guardSeconds }: Viewer,
): Verdict {
  const target = resourceTarget(items, uri)
  const call = { arguments: target.arguments, now, guardSeconds }
  return decideCall(rules.policyFor(target), identity, call)
}

async function filterTasks(
  { tasks }: Protection,
  identity: Identity | undefined,
  answer: Message,
): Promise<Message> {
  const result = answer.result as Result
  const listed: unknown[] = Array.isArray(result['tasks']) ? result['tasks'] : []
  const ids = listed.map((task) => (isRecord(task) ? String(task['taskId']) : ''))
  const hidden = new Set(await tasks.foreign(ids, identity))
  const own = listed.filter((_, index) => !hidden.has(ids[index] ?? ''))
  return { ...answer, result: { ...result, tasks: own } }
}

/** A gateway without a user that synchronizes its own list, as its source allows. */
function seesEverything({ identity, now }: Viewer): boolean {
  const valid = validIdentity(identity, now)
  return valid !== undefined && gatewayMayList(valid)
}
