import { isIdentityError } from '@onbehalf/core'

export type RequestId = string | number

/** A JSON-RPC message as a transport delivers it: parsed, its members not validated yet. */
export interface Message {
  readonly jsonrpc?: unknown
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** A request or a notification. */
export interface MethodMessage extends Message {
  readonly method: string
}

export interface Request extends MethodMessage {
  readonly id: RequestId
}

export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

export type Reply = { readonly result: object } | { readonly error: RpcError }

export function isRequest(message: Message): message is Request {
  return typeof message.method === 'string' && isRequestId(message.id)
}

export function isListen(message: Message): message is Request {
  return isRequest(message) && message.method === 'subscriptions/listen'
}

export function isNotification(message: Message): message is MethodMessage {
  return typeof message.method === 'string' && message.id === undefined
}

export function isResponse(message: Message): message is Message & { readonly id: RequestId } {
  return message.method === undefined && isRequestId(message.id)
}

export function methodOf({ method }: Message): string | undefined {
  return typeof method === 'string' ? method : undefined
}

/** `params` of a message as a record; whatever else was sent counts as none. */
export function paramsOf(message: Message): Readonly<Record<string, unknown>> {
  return isRecord(message.params) ? message.params : {}
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** Whether a request is of the 2026-07-28 revision, in which every one names its version. */
export function isModern(request: Request): boolean {
  const { _meta: meta } = paramsOf(request)
  return isRecord(meta) && versionKey in meta
}

const relatedTask = 'io.modelcontextprotocol/related-task'

/** A task that an answer says was made. */
export interface NewTask {
  readonly taskId: string
  /** Milliseconds. */
  readonly ttl: number
}

/** The task that an answer says was made. */
export function createdTask({ result }: Message): NewTask | undefined {
  const task = isRecord(result) ? result['task'] : undefined
  if (!isRecord(task) || typeof task['taskId'] !== 'string') return undefined
  const { taskId, ttl } = task
  return { taskId, ttl: typeof ttl === 'number' && ttl > 0 ? ttl : 0 }
}

/**
 * Ids of the tasks that a message speaks of: its own, and the one it says to belong to. Nothing was
 * validated: what is not text is the id of no task.
 */
export function namedTasks(message: Message): readonly unknown[] {
  const { taskId, _meta: meta } = paramsOf(message)
  const related = isRecord(meta) ? meta[relatedTask] : undefined
  const method = methodOf(message) ?? ''
  const own = method.startsWith('tasks/') && !isListMethod(method) ? taskId : undefined
  return [own, isRecord(related) ? related['taskId'] : undefined].filter((id) => id !== undefined)
}

/** Whether the answer to a request is to be a task. */
export function asksForTask(request: Message): boolean {
  return paramsOf(request)['task'] !== undefined
}

function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'string' || Number.isSafeInteger(id)
}

/** Methods that answer with a list, cut to what the caller may use. */
const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

type Members = Readonly<Record<string, unknown>>

/** What a tool asks its caller before it continues (MCP 2026-07-28). */
export function inputRequestsOf({
  result,
}: Message): Readonly<Record<string, unknown>> | undefined {
  const requests = isRecord(result) ? result['inputRequests'] : undefined
  return isRecord(requests) ? requests : undefined
}

/** Whether the answer to a method is a list, of which its caller may not see all. */
export function isListMethod(method: string): boolean {
  return method === 'tasks/list' || lists.includes(method)
}

// `resultType` marks results of the 2026-07-28 revision, the first in which results are cacheable.
export function makePrivate(result: Members, isList = false): Members {
  const isCacheable = 'cacheScope' in result || ('resultType' in result && isList)
  return isCacheable ? { ...result, cacheScope: 'private' } : result
}

/** Handshake and lists: without an identity they show nothing but what is public. */
export const openMethods: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  ...lists,
])

/** Asks a server to stop working on a request. */
export function cancelled(requestId: RequestId): Message {
  return { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }
}

// What gates answer to requests that break the rules of a connection.

export const inUse: Reply = { error: { code: -32_600, message: 'Request id already in use' } }
export const busy: Reply = { error: { code: 31_429, message: 'Too many requests in flight' } }
export const noSession: Reply = { error: { code: -32_001, message: 'Session not found' } }
export const noMethod: { readonly error: RpcError } = {
  error: { code: -32_601, message: 'Method not found' },
}
export const noTask: Reply = { error: { code: -32_602, message: 'Task not found' } }
const failed: Reply = { error: { code: -32_603, message: 'Internal error' } }

/** The answer to a failure. The text of an `IdentityError` is fixed and may be shown; no other is. */
export function replyTo(error: unknown): Reply {
  if (!isIdentityError(error)) return failed
  const { status, message, requestId } = error
  const data = requestId === undefined ? {} : { data: { requestId } }
  return { error: { code: 31_000 + status, message, ...data } }
}
