import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { createSettings, serverOptions } from '../options.ts'
import { tokenOptions } from '../stdio/token.ts'
import { adoptWith, isAdopted, type PreloadOptions } from './adopt.ts'
import { publishMetadata } from './publish-metadata.ts'
import { refuseUnguarded } from './refuse-unguarded.ts'
import { watchModules } from './watch-modules.ts'

const known: OptionNames<PreloadOptions> = {
  ...serverOptions,
  ...tokenOptions,
  authenticator: true,
}

let isCalled = false

/**
 * Guards every MCP server of this process, whose source stays as it is: call it in a module that
 * Node loads first, with `node --import ./guard.mjs server.js`. It changes the classes of each copy
 * of the SDKs that is loaded afterwards, so that a server is protected as `protect`,
 * `protectedHandler` and `protectedStdio` do when it is connected or served.
 *
 * The process exits with code 1, and says why on stderr, if it is about to read stdin or to listen
 * before a server class of an SDK was found. A file that carries its own copy of an SDK, as bundles
 * do, cannot be loaded.
 *
 * It does not guard child processes that do not load the same module, what was loaded before it, nor
 * routes of the process that are not MCP.
 *
 * @throws TypeError when an option is missing, unknown, undefined or wrong, and when it is called
 *   twice
 *
 * @example
 * ```ts
 * import { organization } from '@onbehalf/core/guards'
 * import { guardServers } from '@onbehalf/mcp/preload'
 *
 * guardServers({
 *   authenticator,
 *   rules: [{ kind: 'tool', guard: organization() }],
 * })
 * ```
 */
export function guardServers(options: PreloadOptions): void {
  assertOptions('guardServers', options, known)
  const { authenticator } = options
  if (authenticator === undefined) throw new TypeError('authenticator is required')
  if (isCalled) throw new TypeError('guardServers was called already')
  // Wrong options fail here, and not at the first connection.
  createSettings(options, authenticator)
  isCalled = true
  adoptWith(options)
  publishMetadata(authenticator)
  refuseUnguarded(isAdopted)
  watchModules()
}
