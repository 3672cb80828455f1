import type { Authenticated } from '../adapters/authenticated.ts'
import { tellRefusal } from '../adapters/tell-refusal.ts'
import type { Authenticator } from '../authenticator/authenticator.ts'
import type { IdentityError } from '../errors.ts'
import { assertOptions, type OptionNames } from '../internal/options.ts'
import { authenticateRequest } from './authenticate-request.ts'
import { refusalResponse } from './refusal-response.ts'

export interface WithIdentityOptions<Rest extends unknown[] = []> {
  /**
   * Called for every refusal: for logs and metrics. The answer does not wait for it. What it throws
   * or rejects with becomes a warning on the console and changes nothing for the caller.
   */
  onRefusal?(error: IdentityError, request: Request, ...rest: Rest): void | Promise<void>
}

const optionNames: OptionNames<WithIdentityOptions> = { onRefusal: true }

/**
 * Lets a handler run for requests with a verified identity and answers all others as RFC 6750 section
 * 3 and the MCP specification ask (400, 401, 403 or 503).
 *
 * What the runtime passes after the request reaches the handler: `env` and `ctx` on Cloudflare
 * Workers, the context of a Next.js route. What the handler throws is the caller's to see.
 *
 * It does not check the `Origin` and `Host` headers, nor what the caller may do: that is for guards.
 *
 * @example
 * ```ts
 * const serve = withIdentity(authenticator, (incoming, { authInfo }) =>
 *   mcp.fetch(incoming, { authInfo }),
 * )
 * ```
 */
export function withIdentity<C, Rest extends unknown[], R>(
  authenticator: Authenticator<C>,
  handler: (request: Request, caller: Authenticated<C>, ...rest: Rest) => R | Promise<R>,
  options: WithIdentityOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<R | Response> {
  assertOptions('withIdentity', options, optionNames)
  return async (request, ...rest) => {
    let caller: Authenticated<C>
    try {
      caller = await authenticateRequest(request, authenticator)
    } catch (thrown) {
      tellRefusal(thrown, (error) => options.onRefusal?.(error, request, ...rest), warn)
      return refusalResponse(thrown, authenticator)
    }
    return handler(request, caller, ...rest)
  }
}

function warn(message: string): void {
  // oxlint-disable-next-line no-console -- the one log that every web runtime has
  console.warn(message)
}
