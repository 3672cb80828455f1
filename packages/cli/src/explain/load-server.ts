import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Identity } from '@onbehalf/core'
import { UsageError } from '../output.ts'

/** What `explain` of `@onbehalf/mcp` says about one item, as far as it is printed. */
export interface Explanation {
  readonly kind: string
  readonly name: string
  readonly verdict: string
  readonly guard: string
  readonly reason?: string
  readonly rule?: number
}

type Explain = (server: object, identity: Identity | undefined) => Promise<readonly Explanation[]>

/**
 * Makes the server that a module exports a function for, and returns what explains it. Runs the
 * module.
 *
 * @throws UsageError when the module has no such function
 */
export async function loadServer(
  file: string,
  name: string,
): Promise<(identity: Identity | undefined) => Promise<readonly Explanation[]>> {
  const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>
  const createServer = exports[name]
  if (typeof createServer !== 'function') throw new UsageError(`the module exports no ${name}`)
  // The module's own copy knows its servers; another copy does not.
  const own = createRequire(file).resolve('@onbehalf/mcp')
  const { explain } = (await import(pathToFileURL(own).href)) as { explain: Explain }
  const server = (await createServer()) as object
  return (identity) => explain(server, identity)
}
