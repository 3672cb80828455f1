import type { ServerContext } from '@modelcontextprotocol/server'
import * as z from 'zod'

/** What a fixture can do besides answering, alike in both SDK generations. */
export interface Call {
  /** Of the request, when the client wants to hear of progress. */
  readonly progressToken: string | number | undefined
  log(data: string): Promise<void>
  progress(progress: number, total: number): Promise<void>
  /** Asks the client, on the stream of this call. */
  ask(method: 'sampling/createMessage' | 'elicitation/create', params: object): Promise<Answer>
  /** Closes the stream of this call, which goes on: the client has to come back for the rest. */
  closeStream(): void
}

export type Answer = Record<string, unknown>

/** As far as it is used: the context of SDK v1. */
interface Extra {
  readonly _meta?: { readonly progressToken?: string | number }
  sendNotification(notification: object): Promise<void>
  sendRequest(request: object, schema: z.ZodType<Answer>): Promise<Answer>
  closeSSEStream?(): void
}

export function toCall(context: unknown): Call {
  const isV2 = 'mcpReq' in (context as object)
  return isV2 ? ofV2(context as ServerContext) : ofV1(context as Extra)
}

function ofV1(extra: Extra): Call {
  const progressToken = extra._meta?.progressToken
  const notify = (method: string, params: object) => extra.sendNotification({ method, params })
  return {
    progressToken,
    log: (data) => notify('notifications/message', { level: 'info', data }),
    progress: (progress, total) =>
      notify('notifications/progress', { progressToken, progress, total }),
    ask: (method, params) => extra.sendRequest({ method, params }, z.looseObject({})),
    closeStream: () => extra.closeSSEStream?.(),
  }
}

function ofV2({ mcpReq, http }: ServerContext): Call {
  const progressToken = mcpReq._meta?.progressToken
  return {
    progressToken,
    log: (data) => mcpReq.log('info', data),
    progress: (progress, total) =>
      mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: progressToken ?? '', progress, total },
      }),
    ask: (method, params) => mcpReq.send({ method, params } as never) as Promise<Answer>,
    closeStream: () => http?.closeSSE?.(),
  }
}
