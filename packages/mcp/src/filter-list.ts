import type { Identity } from '@onbehalf/core'
import type { Protection } from './decide-request.ts'
import { isRecord, type Message } from './json-rpc.ts'
import type { OpenRequest } from './open-requests.ts'
import { decideListing, validIdentity } from './policy.ts'

type Result = Readonly<Record<string, unknown>>

const otherLists = new Map([
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resourceTemplates'],
])

/** Methods that answer with a list, cut to what the caller may use. */
export const listMethods: readonly string[] = ['tools/list', ...otherLists.keys()]

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
  if (request.method !== 'tools/list') {
    const list = otherLists.get(request.method)
    const isHidden = list !== undefined && !validIdentity(identity, protection.now())
    const visible = isHidden ? { ...result, [list]: [] } : result
    return request.method === 'server/discover'
      ? answer
      : { ...answer, result: makePrivate(visible) }
  }
  const finish = (tools: unknown[]): Message => ({
    ...answer,
    result: makePrivate({ ...result, tools }),
  })
  const tools = filterTools(protection, identity, result['tools'])
  return tools instanceof Promise ? tools.then(finish) : finish(tools)
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

function filterTools(
  { tools, now, listToGateway }: Protection,
  identity: Identity | undefined,
  listed: unknown,
): unknown[] | Promise<unknown[]> {
  const items: unknown[] = Array.isArray(listed) ? listed : []
  const time = now()
  if (listToGateway && isGatewayAlone(validIdentity(identity, time))) return items
  const verdicts = items.map((item) => {
    const tool = isRecord(item) ? tools.get(item['name']) : undefined
    return decideListing(tool?.policy(), identity, time)
  })
  const keep = (shown: readonly unknown[]): unknown[] =>
    items.filter((_, index) => shown[index] === true)
  const isSettled = verdicts.every((verdict) => typeof verdict === 'boolean')
  return isSettled ? keep(verdicts) : Promise.all(verdicts.map(async (v) => v)).then(keep)
}

/** A gateway that calls for nobody but itself. */
function isGatewayAlone(identity: Identity | undefined): boolean {
  return identity?.kind === 'service' && identity.gateway !== undefined
}

// `resultType` marks results of the 2026-07-28 revision, the first in which results are cacheable.
function makePrivate(result: Result): Result {
  const isCacheable = 'cacheScope' in result || ('resultType' in result && 'tools' in result)
  return isCacheable ? { ...result, cacheScope: 'private' } : result
}
