import type { Authenticator } from '@onbehalf/core'
import { andThen, assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { createSettings, type ServerOptions, serverOptions } from './options.ts'
import { guardFactory } from './protect.ts'
import { type CreateServer, createAuthentication, type EntryServer } from './protection.ts'
import { authenticateLine, isPlain, type PlainTransport } from './stdio/authenticate-line.ts'
import { guardLine } from './stdio/listen-gate.ts'
import { createLineCredential, type TokenOptions, tokenOptions } from './stdio/token.ts'
import type { Transport } from './wire/transport.ts'

export interface ProtectedStdioOptions<T> extends ServerOptions, TokenOptions {
  /** Verifies `token` or `tokenFile` as if it came in an `Authorization` header. */
  readonly authenticator: Authenticator<unknown>
  /** The transport to serve, for example a new `StdioServerTransport()`. */
  readonly transport: T
}

const known: OptionNames<ProtectedStdioOptions<unknown>> = {
  ...serverOptions,
  ...tokenOptions,
  authenticator: true,
  transport: true,
}

/**
 * Serves a guarded MCP server on stdio: give it `serveStdio` of SDK v2 and your factory. Every
 * message runs on behalf of the user whose token is in `token` or `tokenFile`, and
 * `subscriptions/listen` is guarded as {@link protectedHandler} does.
 *
 * The token is verified before the first message: one that is refused rejects the start. A file is
 * looked at before every message, and its token verified again when it has changed; from a token
 * that is refused then, messages have no identity.
 *
 * It does not verify a token again that has not changed: a revocation takes effect with the next
 * token. For SDK v1 use `protect(server, { authenticator, tokenFile })`.
 *
 * @throws TypeError when an option is missing, unknown, undefined or wrong, for an HTTP transport,
 *   and unless one of token and file is given (guests need none)
 *
 * @example
 * ```ts
 * const tokenFile = process.env['MCP_TOKEN_FILE'] ?? '/run/secrets/mcp-token'
 * const transport = new StdioServerTransport()
 * protectedStdio(serveStdio, createServer, { transport, authenticator, tokenFile })
 * ```
 */
export function protectedStdio<
  F extends (context: never) => EntryServer | Promise<EntryServer>,
  T extends PlainTransport,
  R,
>(
  serve: (createServer: F, options: { transport: T }) => R,
  createServer: F,
  options: ProtectedStdioOptions<T>,
): R {
  assertOptions('protectedStdio', options, known)
  const { authenticator, transport } = options
  if (authenticator === undefined) throw new TypeError('authenticator is required')
  if (transport === undefined) throw new TypeError('transport is required')
  if (!isPlain(transport)) throw new TypeError('transport must be one without HTTP')
  const settings = createSettings(options, authenticator)
  const guardedFactory = guardFactory(createServer as CreateServer, settings)
  const line = transport as unknown as Transport
  const authentication = createAuthentication(authenticator, settings)
  const credential = createLineCredential(options, authentication, settings.acceptsGuests)
  authenticateLine(line, credential, settings.report)
  const servers: { last: EntryServer | undefined; create: CreateServer } = {
    last: undefined,
    create: guardedFactory,
  }
  guardLine(line, servers)
  const factory: CreateServer = (context) =>
    andThen(guardedFactory(context), (server) => {
      servers.last = server
      return server
    })
  return serve(factory as unknown as F, { transport })
}
