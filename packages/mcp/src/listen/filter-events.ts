import type { Message } from '../wire/json-rpc.ts'
import type { ListenStream } from './listen-stream.ts'

/** Has every message of an event stream decided on before it leaves. A plain answer stays as it is. */
export function filterEvents(response: Response, stream: ListenStream): Response {
  const { body, status, headers } = response
  if (body === null || headers.get('content-type') === 'application/json') {
    stream.end('thrown')
    return response
  }
  const events = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(decideOn(stream))
    .pipeThrough(new TextEncoderStream())
  return new Response(events, { status, headers })
}

const endOfEvent = '\n\n'

function decideOn(stream: ListenStream): TransformStream<string, string> {
  let rest = ''
  const end = (controller: TransformStreamDefaultController<string>): void => {
    stream.end('ok')
    controller.terminate()
  }
  return new TransformStream({
    start: (controller) => {
      stream.sendBy((message) => controller.enqueue(eventOf(message)))
    },
    transform: async (chunk, controller) => {
      const events = `${rest}${chunk}`.split(endOfEvent)
      rest = events.pop() ?? ''
      for (const event of events) {
        const message = messageOf(event)
        const passage = message === undefined ? 'pass' : await stream.judge(message)
        if (passage === 'end') return end(controller)
        if (passage === 'withhold') continue
        controller.enqueue(event + endOfEvent)
        if (message !== undefined) stream.sent(message)
      }
    },
    flush: () => stream.end('ok'),
  })
}

/** Undefined for a comment, which keeps the connection alive. */
function messageOf(event: string): Message | undefined {
  const lines = event.split('\n').filter((line) => line.startsWith('data:'))
  if (lines.length === 0) return undefined
  return JSON.parse(lines.map((line) => line.slice('data:'.length)).join('\n')) as Message
}

function eventOf(message: Message): string {
  return `event: message\ndata: ${JSON.stringify(message)}${endOfEvent}`
}
