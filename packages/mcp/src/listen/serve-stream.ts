import { untilOver } from '../http/over.ts'
import type { OpenStreams } from '../owners/session-owner.ts'
import { filterEvents } from './filter-events.ts'
import type { ListenStream } from './listen-stream.ts'

/**
 * Serves a stream that may open, until its client leaves, its handler ends it, or its identity has
 * expired. Nothing of it is left afterwards.
 *
 * `AbortSignal.any` and `AbortSignal.timeout` would do the same, but what listens to their signals is
 * kept until they abort.
 */
export async function serveStream(
  request: Request,
  { stream, open }: { readonly stream: ListenStream; readonly open: OpenStreams },
  serve: (request: Request) => Promise<Response>,
): Promise<Response> {
  const life = new AbortController()
  const leave = (): void => life.abort()
  const stop = stream.whenExpired(leave)
  const forget = open.add(stream)
  const over = (isCancelled: boolean): void => {
    stop()
    forget()
    request.signal.removeEventListener('abort', leave)
    stream.end(isCancelled ? 'cancelled' : 'ok')
  }
  life.signal.addEventListener('abort', () => over(true), { once: true })
  if (request.signal.aborted) leave()
  request.signal.addEventListener('abort', leave, { once: true })
  const { url, method, headers } = request
  try {
    const opened = new Request(url, { method, headers, signal: life.signal })
    return untilOver(filterEvents(await serve(opened), stream), over)
  } catch (error) {
    over(true)
    throw error
  }
}
