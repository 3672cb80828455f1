import type { Authenticator, Claims, Identity, IdentityError } from '@onbehalf/core'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import { withIdentity } from '@onbehalf/core/fetch'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import type { Context, MiddlewareHandler, Next } from 'hono'

/** What `authenticate` sets on the context. */
export interface IdentityVariables<C = Claims> {
  identity: Identity<C>
  /** The record that MCP SDKs hand on to tools; `@hono/mcp` looks for it here. */
  auth: AuthInfo
}

export interface AuthenticateOptions {
  /**
   * Called for every refusal: for logs and metrics. The answer does not wait for it. What it throws
   * or rejects with becomes a warning on the console and changes nothing for the caller.
   */
  onRefusal?(error: IdentityError, c: Context): void | Promise<void>
}

const optionNames: OptionNames<AuthenticateOptions> = { onRefusal: true }

/**
 * Admits requests with a verified identity and answers all others.
 *
 * Behind it, `c.get('identity')` is the identity and `c.get('auth')` the record for an MCP transport.
 * A refused request is answered as RFC 6750 section 3 and the MCP specification ask (400, 401, 403 or
 * 503), and no later handler runs. It never throws.
 *
 * It does not check the `Origin` and `Host` headers, nor what the caller may do: that is for guards.
 * A client certificate is not seen, on Node neither.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 *
 * const app = new Hono()
 * app.use(resourceMetadata(authenticator))
 * app.all('/mcp', authenticate(authenticator), (c) =>
 *   mcp.fetch(c.req.raw, { authInfo: c.get('auth') }),
 * )
 * ```
 */
export function authenticate<C>(
  authenticator: Authenticator<C>,
  options: AuthenticateOptions = {},
): MiddlewareHandler<{ Variables: IdentityVariables<C> }> {
  assertOptions('authenticate', options, optionNames)
  const admit = withIdentity(
    authenticator,
    (_request, { identity, authInfo }, c: Context, next: Next) => {
      c.set('identity', identity)
      c.set('auth', authInfo)
      return next()
    },
    { onRefusal: (error, _request, c) => options.onRefusal?.(error, c) },
  )
  return (c, next) => admit(c.req.raw, c, next)
}
