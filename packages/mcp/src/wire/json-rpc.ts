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

export interface Request extends Message {
  readonly id: RequestId
  readonly method: string
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

export function isNotification(message: Message): message is Message & { readonly method: string } {
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

function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'string' || Number.isSafeInteger(id)
}
