import type { IncomingMessage } from 'node:http'
import { type Authenticator, createRefusal, type IdentityError } from '@onbehalf/core'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { authenticateIncoming, reportRefusal } from '@onbehalf/core/node'
import type { FastifyRequest } from 'fastify'
import type { Hook } from './hook.ts'
import { send } from './send.ts'

export interface AuthenticateOptions {
  /**
   * Called for every refusal, after the answer went out: for logs and metrics. What it throws or
   * rejects with becomes a process warning and changes nothing for the caller.
   */
  onRefusal?(error: IdentityError, request: FastifyRequest): void | Promise<void>
}

const optionNames: OptionNames<AuthenticateOptions> = { onRefusal: true }

/**
 * Admits requests with a verified identity and answers all others, before their body is read.
 *
 * An admitted request carries `request.raw.auth`, the record that the Node transports of both
 * generations of the MCP SDK hand to their handlers; `identityOf(request)` reads the identity. A
 * refused request is answered as RFC 6750 section 3 and the MCP specification ask (400, 401, 403 or
 * 503), and no later hook or handler runs.
 *
 * It does not check the `Origin` and `Host` headers, nor what the caller may do: that is for guards.
 *
 * @example
 * ```ts
 * import fastify from 'fastify'
 *
 * const app = fastify()
 * app.addHook('onRequest', resourceMetadata(authenticator))
 * app.get('/whoami', { onRequest: authenticate(authenticator) }, (request) => ({
 *   subject: identityOf(request)?.subject,
 * }))
 * ```
 */
export function authenticate(
  authenticator: Authenticator<unknown>,
  options: AuthenticateOptions = {},
): Hook {
  assertOptions('authenticate', options, optionNames)
  return async (request, reply) => {
    try {
      await admit(authenticator, request.raw)
    } catch (thrown) {
      // Where something else (a timeout, say) answered meanwhile, there is no more to say.
      if (!reply.sent) send(createRefusal(thrown, authenticator), reply)
      reportRefusal(thrown, (error) => options.onRefusal?.(error, request))
    }
    return reply.sent ? reply : undefined
  }
}

async function admit(
  authenticator: Authenticator<unknown>,
  req: IncomingMessage & { auth?: AuthInfo },
): Promise<void> {
  req.auth = (await authenticateIncoming(req, authenticator)).authInfo
}
