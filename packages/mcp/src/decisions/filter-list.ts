import type { Identity } from '@onbehalf/core'
import { gatewayMayList } from '@onbehalf/core/internal'
import type { OpenRequest } from '../ambient/channels.ts'
import { decideCall, decideListing, type Policy, validIdentity } from '../handlers/policy.ts'
import { resourceTarget } from '../items/items.ts'
import type { Protection } from '../protection.ts'
import { isRecord, type Message, makePrivate } from '../wire/json-rpc.ts'

type Result = Readonly<Record<string, unknown>>
type Verdict = boolean | Promise<boolean>

/** Whom one list is for. */
interface Viewer {
  readonly identity: Identity | undefined
  readonly now: number
  /** What is known already: items that ask the same of callers are decided on once. */
  readonly verdicts: Map<Policy | undefined, Verdict>
}

/** One kind of list. */
interface List {
  /** Member of the result that holds the list. */
  readonly member: string
  /** Whether a caller may see this. */
  readonly shows: (item: Result, protection: Protection, viewer: Viewer) => Verdict
}

const lists = new Map<string, List>([
  ['tools/list', { member: 'tools', shows: showsNamed('tool') }],
  ['prompts/list', { member: 'prompts', shows: showsNamed('prompt') }],
  ['resources/list', { member: 'resources', shows: showsResource }],
  ['resources/templates/list', { member: 'resourceTemplates', shows: showsNamed('template') }],
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
  const shown = filterList(list, protection, identity, result[list.member])
  return shown instanceof Promise ? shown.then(finish) : finish(shown)
}

function filterList(
  { shows }: List,
  protection: Protection,
  identity: Identity | undefined,
  listed: unknown,
): readonly unknown[] | Promise<readonly unknown[]> {
  const items: unknown[] = Array.isArray(listed) ? listed : []
  const viewer: Viewer = { identity, now: protection.now(), verdicts: new Map() }
  if (seesEverything(viewer)) return items
  const verdicts = items.map((item) => isRecord(item) && shows(item, protection, viewer))
  const keep = (shown: readonly unknown[]): unknown[] =>
    items.filter((_, index) => shown[index] === true)
  const isSettled = verdicts.every((verdict) => typeof verdict === 'boolean')
  return isSettled ? keep(verdicts) : Promise.all(verdicts.map(async (v) => v)).then(keep)
}

function showsNamed(kind: 'tool' | 'prompt' | 'template'): List['shows'] {
  return ({ name, uriTemplate }, { items, rules }, { identity, now, verdicts }) => {
    const item = items[kind].get(name)
    const target =
      kind === 'template'
        ? ({ kind: 'resource', name: uriTemplate } as const)
        : ({ kind, name } as const)
    const policy = rules.policyFor({ ...target, ...(item && { item }) })
    const verdict = verdicts.get(policy) ?? decideListing(policy, identity, now)
    verdicts.set(policy, verdict)
    return verdict
  }
}

// The URI of a listed resource is all that its guard would see of a call.
function showsResource(
  { uri }: Result,
  { items, rules }: Protection,
  { identity, now }: Viewer,
): Verdict {
  const target = resourceTarget(items, uri)
  const call = { arguments: target.arguments, now }
  const decision = decideCall(rules.policyFor(target), identity, call)
  return decision instanceof Promise
    ? decision.then(({ effect }) => effect === 'allow')
    : decision.effect === 'allow'
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
