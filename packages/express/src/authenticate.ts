import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Authenticator, createRefusal, type IdentityError } from '@onbehalf/core'
import type { AuthInfo } from '@onbehalf/core/auth-info'
import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { authenticateIncoming, reportRefusal } from '@onbehalf/core/node'
import type { Middleware } from './middleware.ts'
import { send } from './send.ts'

export interface AuthenticateOptions {
  /**
   * Called for every refusal, after the answer went out: for logs and metrics. What it throws or
   * rejects with becomes a process warning and changes nothing for the caller.
   */
  onRefusal?(error: IdentityError, req: IncomingMessage): void | Promise<void>
}

const optionNames: OptionNames<AuthenticateOptions> = { onRefusal: true }

/**
 * Admits requests with a verified identity and answers all others.
 *
 * An admitted request carries `req.auth`, the record that both generations of the MCP SDK hand to
 * their handlers; `identityOf(req)` reads the identity. A refused request is answered as RFC 6750
 * section 3 and the MCP specification ask (400, 401, 403 or 503), and no later handler runs.
 *
 * It does not check the `Origin` and `Host` headers, nor what the caller may do: that is for
 * guards. It never throws and never calls `next` with an error.
 *
 * @example
 * ```ts
 * app.use(resourceMetadata(authenticator))
 * app.post('/mcp', authenticate(authenticator), handleMcp)
 * ```
 */
export function authenticate(
  authenticator: Authenticator<unknown>,
  options: AuthenticateOptions = {},
): Middleware {
  assertOptions('authenticate', options, optionNames)
  return (req, res, next) => {
    void admit(authenticator, req).then(
      () => {
        // Where something else (a timeout, say) answered meanwhile, a handler could only fail.
        if (!res.headersSent) proceed(next, res)
      },
      (thrown: unknown) => {
        answer(thrown, authenticator, res)
        reportRefusal(thrown, (error) => options.onRefusal?.(error, req))
      },
    )
  }
}

/** Express catches what handlers throw; other servers with this kind of middleware may not. */
function proceed(next: () => void, res: ServerResponse): void {
  try {
    next()
  } catch (thrown) {
    process.emitWarning(thrown instanceof Error ? thrown : String(thrown))
    if (res.headersSent) res.destroy()
    else res.writeHead(500).end()
  }
}

async function admit(
  authenticator: Authenticator<unknown>,
  req: IncomingMessage & { auth?: AuthInfo },
): Promise<void> {
  req.auth = (await authenticateIncoming(req, authenticator)).authInfo
}

function answer(thrown: unknown, authenticator: Authenticator<unknown>, res: ServerResponse): void {
  if (res.writableEnded) return
  try {
    send(createRefusal(thrown, authenticator), res)
  } catch {
    // No answer can be written any more (headers are out, for one); what remains is to hang up.
    res.destroy()
  }
}
