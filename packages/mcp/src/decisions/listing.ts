import type { Ask } from '../gate/inquiries.ts'
import type { Listed, Target } from '../items/items.ts'
import type { Protection } from '../protection.ts'
import { isRecord, paramsOf, type Request } from '../wire/json-rpc.ts'
import type { TargetedRequest } from './decide-request.ts'

// A list of a handler of the server's own may never end.
const maxPages = 20

interface List {
  readonly method: string
  /** Member of the result that holds the list. */
  readonly member: string
}

// Resources may be read without being listed.
const lists: ReadonlyMap<string, List> = new Map([
  ['tools/call', { method: 'tools/list', member: 'tools' }],
  ['prompts/get', { method: 'prompts/list', member: 'prompts' }],
])

/** Whether only a list of the server's own can say what a request without a registered item is about. */
export function isOnlyListed(
  { servesItself }: Protection,
  { request, target }: TargetedRequest,
): boolean {
  const list = lists.get(request.method)
  const isKnown = target.listed !== undefined
  if (list === undefined || isKnown || typeof target.name !== 'string') return false
  return servesItself(request.method) && servesItself(list.method)
}

/** Asks the server, on behalf of the caller, what it lists under the name in a request. */
export async function lookUp(open: TargetedRequest, ask: Ask): Promise<void> {
  const { request, target } = open
  const list = lists.get(request.method)
  if (list === undefined) return
  const listed = await findListed(list, target, { ask, meta: metaOf(request) })
  if (listed !== undefined) open.target = { ...target, listed }
}

async function findListed(
  { method, member }: List,
  { name }: Target,
  { ask, meta }: { readonly ask: Ask; readonly meta: object },
): Promise<Listed | null | undefined> {
  let cursor: unknown
  for (let page = 0; page < maxPages; page++) {
    const { result } = await ask(method, { ...meta, ...(cursor !== undefined && { cursor }) })
    if (!isRecord(result) || !Array.isArray(result[member])) return undefined
    const found = (result[member] as unknown[]).find(
      (item) => isRecord(item) && item['name'] === name,
    )
    if (found !== undefined) return found as Listed
    cursor = result['nextCursor']
    if (cursor === undefined) return null
  }
  return undefined
}

/** What says which revision a request is of. */
function metaOf(request: Request): object {
  const { _meta: meta } = paramsOf(request)
  const kept = Object.entries(isRecord(meta) ? meta : {}).filter(([key]) => revision.test(key))
  return kept.length === 0 ? {} : { _meta: Object.fromEntries(kept) }
}

const revision = /^io\.modelcontextprotocol\/(?:protocolVersion|clientInfo|clientCapabilities)$/
