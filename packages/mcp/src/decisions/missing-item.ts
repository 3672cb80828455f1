import type { Target } from '../items/items.ts'
import type { Protection } from '../protection.ts'
import { asksForTask, isModern, noMethod, paramsOf, type Reply } from '../wire/json-rpc.ts'
import type { TargetedRequest } from './decide-request.ts'

const invalidParams = -32_602
/** Methods that the 2026-07-28 revision took away. */
const subscriptions = new Set(['resources/subscribe', 'resources/unsubscribe'])

/**
 * What `McpServer` answers for an item that does not exist, to the byte. It is made here because a
 * refused request must reach no handler: one that does not look at names would run.
 *
 * Undefined for a request that names no item.
 */
export function missingItem(
  { server }: Protection,
  { request, target, exchange }: TargetedRequest,
): Reply | undefined {
  const { kind, name } = target
  if (kind === 'method' || typeof name !== 'string') return undefined
  const isGone = isModern(request) && subscriptions.has(request.method)
  if (isGone || !server.handles(request.method)) {
    const { error } = noMethod
    exchange?.answeredAtOnce(error.code, { jsonrpc: '2.0', id: request.id, error })
    return noMethod
  }
  if (server.generation === 'v2') return missingInV2(request, target)
  const text = `MCP error ${invalidParams}: ${whatIsMissing(request, target)} not found`
  // A call that asks for a task is answered with a task: a tool's result would be malformed there.
  const isResult = request.method === 'tools/call' && !asksForTask(request)
  return isResult
    ? { result: { content: [{ type: 'text', text }], isError: true } }
    : { error: { code: invalidParams, message: text } }
}

function missingInV2(request: TargetedRequest['request'], target: Target): Reply {
  if (target.kind !== 'resource' || request.method === 'completion/complete') {
    const message = `${whatIsMissing(request, target)} not found`
    return { error: { code: invalidParams, message } }
  }
  const { uri } = paramsOf(request)
  return {
    error: { code: invalidParams, message: `Resource not found: ${String(uri)}`, data: { uri } },
  }
}

function whatIsMissing({ method }: TargetedRequest['request'], { kind, name }: Target): string {
  const isTemplate = kind === 'resource' && method === 'completion/complete'
  const what = isTemplate
    ? 'Resource template'
    : `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`
  return `${what} ${String(name)}`
}
