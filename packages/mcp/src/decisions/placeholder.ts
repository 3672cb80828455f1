import { randomUUID } from 'node:crypto'
import { parseUri } from '../items/items.ts'
import { isRecord, type Message, type Request } from '../wire/json-rpc.ts'
import type { TargetedRequest } from './decide-request.ts'

interface StandIn {
  readonly hidden: string
  readonly shown: string
}

const standIns = new WeakMap<Request, readonly StandIn[]>()

/**
 * Puts a name that nothing has in the place of one in a request. The SDK then answers as it does for
 * what does not exist, whatever that answer is in its version; `unmask` puts the name back into it.
 */
export function mask(open: TargetedRequest, hidden: string): void {
  const { request } = open
  const id = randomUUID()
  // SDKs show a URI as it was sent or normalized: the case of the scheme distinguishes the two.
  const standIn = { hidden, shown: `URN:uuid:${id}` }
  const normalized = { hidden: parseUri(hidden)?.href ?? hidden, shown: `urn:uuid:${id}` }
  standIns.set(request, [...(standIns.get(request) ?? []), standIn, normalized])
  const params = structuredClone(request.params)
  replaceIn(params, standIn)
  Object.assign(request, { params })
  open.isMasked = true
}

/** The answer as if the request had been dispatched with its own names. */
export function unmask(request: Request, answer: Message): Message {
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
