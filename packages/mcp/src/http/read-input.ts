import type { ServerResponse } from 'node:http'
import type { CredentialRequest, Refusal } from '@onbehalf/core'
import { credentialRequest } from '@onbehalf/core/node'
import { untilOver } from './over.ts'
import { toResponse } from './refusals.ts'

/** What a transport is given, whatever the form. */
export interface HttpInput {
  readonly method: string
  readonly authInfo: unknown
  readonly credentials: CredentialRequest
  /** Whether it asks for events from an earlier stream. */
  readonly resumes: boolean
  /** The same input with another `AuthInfo`, or without one. */
  withAuthInfo(authInfo: unknown): readonly unknown[]
  /** Has the input handled, and calls `over` when the answer has left, or nobody waits for it. */
  untilOver(handle: () => Promise<unknown>, over: () => void): Promise<unknown>
  answer(refusal: Refusal): unknown
}

const lastEventId = 'last-event-id'

/** Undefined for input that is neither Node's nor the web's nor Hono's. */
export function readInput(input: readonly unknown[]): HttpInput | undefined {
  const [first, second] = input
  if (isWebRequest(first)) return readWeb(first, input)
  if (isHonoContext(first)) return readHono(first, input)
  const isNode = typeof (first as NodeRequest | undefined)?.method === 'string'
  const canAnswer = typeof (second as ServerResponse | undefined)?.writeHead === 'function'
  return isNode && canAnswer ? readNode(first as NodeRequest, input) : undefined
}

/** By its shape: frameworks bring their own classes. */
export function isWebRequest(value: unknown): value is Request {
  const { headers, method } = (value ?? {}) as Partial<Request>
  return typeof method === 'string' && typeof headers?.get === 'function'
}

/** By its shape, too. */
export function isWebResponse(value: unknown): value is Response {
  const { headers, status } = (value ?? {}) as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function'
}

/** Whether an answer of the web continues after it was given. */
export function isEventStream(value: unknown): value is Response {
  return (
    isWebResponse(value) &&
    value.headers.get('content-type')?.startsWith('text/event-stream') === true
  )
}

function readWeb(request: Request, [, options, ...rest]: readonly unknown[]): HttpInput {
  const { authInfo, ...others } = (options ?? {}) as Record<string, unknown>
  const { headers, method, url } = request
  return {
    method,
    authInfo,
    credentials: { headers, method, url },
    resumes: headers.get(lastEventId) !== null,
    withAuthInfo: (known) => [
      request,
      { ...others, ...(known !== undefined && { authInfo: known }) },
      ...rest,
    ],
    untilOver: untilRead,
    answer: toResponse,
  }
}

async function untilRead(handle: () => Promise<unknown>, over: () => void): Promise<unknown> {
  try {
    const answer = await handle()
    if (isEventStream(answer)) return untilOver(answer, over)
    over()
    return answer
  } catch (error) {
    over()
    throw error
  }
}

/** What the transport of `@hono/mcp` is given. */
interface HonoContext {
  readonly req: { readonly raw: Request }
  get(key: 'auth'): unknown
  set(key: 'auth', value: unknown): void
}

function isHonoContext(input: unknown): input is HonoContext {
  const context = (input ?? {}) as { req?: { raw?: unknown }; get?: unknown }
  return isWebRequest(context.req?.raw) && typeof context.get === 'function'
}

function readHono(context: HonoContext, input: readonly unknown[]): HttpInput {
  const { headers, method, url } = context.req.raw
  return {
    method,
    authInfo: context.get('auth'),
    credentials: { headers, method, url },
    resumes: headers.get(lastEventId) !== null,
    withAuthInfo: (authInfo) => {
      context.set('auth', authInfo)
      return input
    },
    untilOver: untilRead,
    answer: toResponse,
  }
}

type NodeRequest = Parameters<typeof credentialRequest>[0] & { auth?: unknown }

function readNode(request: NodeRequest, input: readonly unknown[]): HttpInput {
  const response = input[1] as ServerResponse
  return {
    method: request.method ?? '',
    authInfo: request.auth,
    get credentials() {
      return credentialRequest(request)
    },
    resumes: request.headers?.[lastEventId] !== undefined,
    withAuthInfo: (authInfo) => {
      request.auth = authInfo
      return input
    },
    untilOver: (handle, over) => {
      response.once('close', over)
      return handle()
    },
    answer: ({ status, headers, body }) => void response.writeHead(status, headers).end(body),
  }
}
