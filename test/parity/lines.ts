import { setTimeout as delay } from 'node:timers/promises'
import { authInfoOf } from '../../packages/mcp/test/support/callers.ts'
import { modern } from '../../packages/mcp/test/support/http-host.ts'
import type { Message } from '../../packages/mcp/test/support/raw.ts'

/** What came for one message, in order. */
export interface Seen {
  readonly status?: number
  readonly type?: string | null
  readonly messages: readonly Message[]
}

/** A stream that stays open. */
export interface Stream {
  readonly status: number
  next(): Promise<Message | 'end'>
  close(): Promise<void>
}

export type Params = Record<string, unknown>
type Answers = Record<string, object>

/** A client that says and shows exactly what goes over the wire. */
export interface Line {
  /** Results for the requests of the server, by method. One that is not there is an error. */
  answers: Answers
  /** Sends a request; gives what came until it was answered. */
  ask(method: string, params?: Params, id?: string | number): Promise<Seen>
  tell(method: string, params?: Params): Promise<Seen>
  /** Sends anything. */
  send(body: unknown): Promise<Seen>
  /** Over HTTP: a request of any method, read to its end. */
  fetch(init: RequestInit): Promise<Seen>
  /** Over HTTP: opens a stream. */
  stream(init: RequestInit): Promise<Stream>
  /** Without HTTP: all that came so far. */
  readonly received: readonly Message[]
  close(): Promise<void>
}

export interface LineOptions {
  readonly isModern?: boolean
  readonly capabilities?: object
}

const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'

/** A request as the revision writes it. */
export function requestOf(
  { isModern, capabilities }: LineOptions,
  method: string,
  params: Params | undefined,
  id: string | number,
): { readonly body: object; readonly headers: Record<string, string> } {
  if (isModern !== true) {
    return { body: { jsonrpc: '2.0', id, method, ...(params && { params }) }, headers: {} }
  }
  const { body, headers } = modern(method, params, id)
  const own = body['params'] as { _meta: Params }
  const _meta = { ...own._meta, [capabilitiesKey]: capabilities ?? {} }
  return { body: { ...body, params: { ...own, _meta } }, headers }
}

/** The answer to a request of the server. */
function answerTo({ id, method }: Message, answers: Answers): object {
  const result = answers[method ?? '']
  const error = { code: -32_601, message: 'not here' }
  return { jsonrpc: '2.0', id, ...(result ? { result } : { error }) }
}

const isRequest = (message: Message): boolean =>
  message.method !== undefined && message.id !== undefined

/** A line without HTTP: `write` sends, `received` fills. */
export function plainLine(
  write: (message: unknown) => void,
  received: Message[],
  options: LineOptions,
  close: () => Promise<void>,
): Line & { readonly hear: (message: Message) => void } {
  let ids = 0
  const line = {
    answers: {} as Answers,
    received,
    hear: (message: Message): void => {
      received.push(message)
      if (isRequest(message)) write(answerTo(message, line.answers))
    },
    ask: async (method: string, params?: Params, id: string | number = ++ids): Promise<Seen> => {
      const from = received.length
      write(requestOf(options, method, params, id).body)
      const isAnswer = (message: Message) => message.id === id && message.method === undefined
      while (!received.slice(from).some(isAnswer)) await delay(1)
      const upTo = received.findIndex((message, index) => index >= from && isAnswer(message))
      return { messages: received.slice(from, upTo + 1) }
    },
    tell: async (method: string, params?: Params): Promise<Seen> => {
      write({ jsonrpc: '2.0', method, ...(params && { params }) })
      return { messages: [] }
    },
    send: async (body: unknown): Promise<Seen> => {
      write(body)
      return { messages: [] }
    },
    fetch: () => Promise.reject(new Error('no HTTP')),
    stream: () => Promise.reject(new Error('no HTTP')),
    close,
  }
  return line
}

/** The caller's record, as the HTTP transports hand it over. */
export function asCaller(caller: string): object {
  return { authInfo: authInfoOf(caller) }
}

const caller = { 'x-caller': 'ada' }
const json = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

/** A line over HTTP, whose session is that of its first answer. */
export function httpLine(url: URL, options: LineOptions, close: () => Promise<void>): Line {
  let ids = 0
  const session: Record<string, string> = {}
  const request = async (init: RequestInit): Promise<Response> => {
    const headers = { ...caller, ...session, ...(init.headers as Record<string, string>) }
    const response = await fetch(url, { ...init, headers })
    const id = response.headers.get('mcp-session-id')
    if (id !== null) session['mcp-session-id'] = id
    return response
  }
  const post = (body: unknown, headers: object = {}): Promise<Response> =>
    request({ method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) })
  const line: Line = {
    answers: {},
    received: [],
    ask: async (method, params, id = ++ids) => {
      const { body, headers } = requestOf(options, method, params, id)
      return readAll(await post(body, headers), respond)
    },
    tell: (method, params) => line.send({ jsonrpc: '2.0', method, ...(params && { params }) }),
    send: async (body) => readAll(await post(body), respond),
    fetch: async (init) => readAll(await request(init), respond),
    stream: async (init) => {
      const leave = new AbortController()
      return toStream(await request({ ...init, signal: leave.signal }), leave)
    },
    close,
  }
  const respond = async (message: Message): Promise<void> => {
    if (isRequest(message)) await (await post(answerTo(message, line.answers))).text()
  }
  return line
}

type Respond = (message: Message) => Promise<void>

async function readAll(response: Response, respond: Respond): Promise<Seen> {
  const { status, headers } = response
  const type = headers.get('content-type')
  const messages: Message[] = []
  if (type?.startsWith('text/event-stream') === true) {
    for await (const message of eventsOf(response)) {
      messages.push(message)
      await respond(message)
    }
    return { status, type, messages }
  }
  const text = await response.text()
  const body = text === '' ? [] : (JSON.parse(text) as Message | Message[])
  return { status, type, messages: Array.isArray(body) ? body : [body] }
}

async function* eventsOf(response: Response): AsyncGenerator<Message> {
  let rest = ''
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = `${rest}${part}`.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1]
      const id = /^id: (.+)$/m.exec(event)?.[1]
      // The first event of a stream may have an id and nothing else.
      if (data !== undefined) yield { ...(JSON.parse(data) as Message), ...(id && { event: id }) }
    }
  }
}

function toStream(response: Response, leave: AbortController): Stream {
  const events = response.body === null ? undefined : eventsOf(response)
  return {
    status: response.status,
    next: async () => {
      const { done, value } = (await events?.next()) ?? { done: true, value: undefined }
      return done === true || value === undefined ? 'end' : value
    },
    close: async () => leave.abort(),
  }
}
