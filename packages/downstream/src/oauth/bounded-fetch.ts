import { readBounded } from '@onbehalf/core/internal'
import { GrantFault } from './fault.ts'

const maxBytes = 64 * 1024
const alwaysInit: object = { redirect: 'manual', credentials: 'omit' }

/**
 * A `fetch` for endpoints that get a token or give one: no redirect is followed, and of the answer
 * 64 KiB are read at most.
 */
export function boundedFetch(send: typeof fetch, signal: AbortSignal): typeof fetch {
  return async (url, init) => {
    const response = await send(url, { ...init, ...alwaysInit, signal })
    if (isRedirect(response)) {
      response.body?.cancel().catch(() => undefined)
      throw new GrantFault('DOWN', { reason: 'token_endpoint_redirects' })
    }
    const tooLarge = () => new GrantFault('DOWN', { reason: 'token_endpoint_answer_too_large' })
    const body = await readBounded(response, maxBytes, tooLarge)
    const { status, headers } = response
    return new Response(body.length === 0 ? null : body, { status, headers })
  }
}

/** Also what browsers and some runtimes make of a redirect that they do not follow. */
export function isRedirect({ status, type }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304)
}
