import type { Authenticator } from '@onbehalf/core'
import type { ServerOptions } from '../options.ts'
import { protect } from '../protect.ts'
import { protectedHandler } from '../protected-handler.ts'
import { protectedStdio } from '../protected-stdio.ts'
import { type CreateServer, isProtected, type ProtectableServer } from '../protection.ts'
import type { PlainTransport } from '../stdio/authenticate-line.ts'
import { assertStdio, hasToken, type TokenOptions } from '../stdio/token.ts'
import { warnOnce } from '../warn.ts'
import { exchange } from './exchange.ts'

export interface PreloadOptions extends ServerOptions, TokenOptions {
  /**
   * Authenticates every request: over HTTP by its headers, on stdio by `token` or `tokenFile`. Over
   * HTTP, its protected resource metadata is published as well.
   */
  readonly authenticator: Authenticator<unknown>
}

type CreateHandler = (createServer: CreateServer, options?: object) => { fetch: never }
type ServeStdio = (
  createServer: CreateServer,
  options?: { readonly transport?: PlainTransport },
) => unknown
interface ServerClass {
  readonly prototype: { connect: (this: ProtectableServer, transport: never) => Promise<void> }
}

/** What the modules of both SDK generations that make servers export, as far as it is used. */
export interface SdkExports {
  readonly Server?: ServerClass
  readonly McpServer?: ServerClass
  readonly createMcpHandler?: CreateHandler
  readonly serveStdio?: ServeStdio
  readonly StdioServerTransport?: new () => PlainTransport
}

/** What takes the place of exports. */
export type Replacements = Partial<Pick<SdkExports, 'createMcpHandler' | 'serveStdio'>>

let options: PreloadOptions | undefined
let hasAdopted = false

/** Whether a server class of an SDK is guarded. */
export const isAdopted = (): boolean => hasAdopted

export function adoptWith(given: PreloadOptions): void {
  options = given
}

/**
 * Guards what a module of an SDK exports: its classes are changed in place.
 *
 * @throws TypeError when there is nothing in it to guard
 */
export function adopt(exports: SdkExports): Replacements {
  if (options === undefined) throw new TypeError('guardServers was not called')
  const { Server, McpServer, createMcpHandler, serveStdio } = exports
  if (!(Server || McpServer || serveStdio)) {
    throw new TypeError('a module of the MCP SDK has no server to guard')
  }
  if (Server) guardConnect(Server, options)
  if (McpServer) guardConnect(McpServer, options)
  hasAdopted = true
  return {
    ...(createMcpHandler && { createMcpHandler: guardedHandler(createMcpHandler, options) }),
    ...(serveStdio && { serveStdio: guardedStdio(serveStdio, exports, options) }),
  }
}

const guarded = new WeakSet<object>()

function guardConnect({ prototype }: ServerClass, settings: PreloadOptions): void {
  if (guarded.has(prototype)) return
  guarded.add(prototype)
  exchange(
    prototype,
    'connect',
    (connect) =>
      async function guardedConnect(this: ProtectableServer, transport: never) {
        if (isProtected(this)) return connect.call(this, transport)
        try {
          protect(this, settings)
        } catch (error) {
          warnOnce(`No server is served: ${(error as Error).message}`, 'ONBEHALF_NOT_SERVED')
          throw error
        }
        // A low-level server has a guarded one of its own by now.
        return this.connect(transport)
      },
  )
}

function guardedHandler(create: CreateHandler, settings: PreloadOptions): CreateHandler {
  const { token: _token, tokenFile: _tokenFile, ...rest } = settings
  return (createServer, given) =>
    protectedHandler((factory) => create(factory, given), createServer as never, rest)
}

function guardedStdio(
  serve: ServeStdio,
  { StdioServerTransport }: SdkExports,
  settings: PreloadOptions,
): ServeStdio {
  return (createServer, given = {}) => {
    const transport = given.transport ?? (StdioServerTransport && new StdioServerTransport())
    if (transport === undefined) throw new TypeError('the SDK has no transport for stdio')
    if (hasToken(settings)) assertStdio(transport)
    const served = { ...settings, transport }
    return protectedStdio(
      (factory, { transport: line }) => serve(factory, { ...given, transport: line }),
      createServer as never,
      served,
    )
  }
}
