import { andThen } from '@onbehalf/core/internal'
import type { CreateServer, EntryServer } from './listen/listen-stream.ts'
import { guardServer } from './protect.ts'
import type { Settings } from './protection.ts'
import { warnOnce } from './warn.ts'

/**
 * A factory whose servers are guarded, in the job in which it makes them: what no server has taken by
 * the end of that job counts as a lost guard. The operator is warned of a server that cannot be
 * guarded: the SDK reports to no one.
 */
export function guardFactory(createServer: CreateServer, settings: Settings): CreateServer {
  const guard = (server: EntryServer): EntryServer => {
    try {
      guardServer(server, settings)
    } catch (error) {
      warnOnce(`No server is served: ${(error as Error).message}`, 'ONBEHALF_NOT_SERVED')
      throw error
    }
    return server
  }
  return (context) => andThen(createServer(context), guard)
}
