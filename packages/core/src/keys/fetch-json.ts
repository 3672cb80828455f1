const maxBodyBytes = 256 * 1024

/** How documents are fetched. */
export interface FetchOptions {
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch
  /** Seconds from the start of a request to the last byte of its answer. Default 4. */
  readonly timeoutSeconds?: number
}

/** A document that could not be fetched or used; `reason` names the rule in snake_case. */
export class FetchError extends Error {
  readonly reason: string
  constructor(reason: string, cause?: unknown) {
    super(`The document was refused: ${reason}`, { cause })
    this.name = 'FetchError'
    this.reason = reason
  }
}

/**
 * Fetches a document from a server that may misbehave: status 200 only, no redirects, 256 KiB of
 * decoded body at most, and one time limit over the whole exchange.
 *
 * @throws FetchError
 */
export async function fetchDocument(
  url: URL,
  options: FetchOptions,
  init: RequestInit = { headers: { accept: 'application/json' } },
): Promise<Uint8Array> {
  const { fetch: send = fetch, timeoutSeconds = 4 } = options
  const signal = AbortSignal.timeout(timeoutSeconds * 1000)
  const response = await send(url, {
    ...init,
    signal,
    redirect: 'manual',
    credentials: 'omit',
  }).catch((cause: unknown) => {
    throw new FetchError(signal.aborted ? 'timeout' : 'unreachable', cause)
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new FetchError(`status_${response.status}`)
  }
  return readBounded(response, signal)
}

/**
 * Fetches a JSON document; the rules of {@link fetchDocument} apply.
 *
 * @throws FetchError
 */
export async function fetchJson(url: URL, options: FetchOptions): Promise<unknown> {
  return parse(await fetchDocument(url, options))
}

async function readBounded(response: Response, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body ?? []) {
      size += (chunk as Uint8Array).length
      if (size > maxBodyBytes) throw new FetchError('too_large')
      chunks.push(chunk as Uint8Array)
    }
  } catch (cause) {
    if (cause instanceof FetchError) throw cause
    throw new FetchError(signal.aborted ? 'timeout' : 'unreadable', cause)
  }
  return concat(chunks, size)
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch (cause) {
    throw new FetchError('not_json', cause)
  }
}
