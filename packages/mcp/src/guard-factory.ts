import type { CreateServer } from './listen/listen-stream.ts'
import { guardServer } from './protect.ts'
import type { Settings } from './protection.ts'
import { warnOnce } from './warn.ts'

/** A factory whose servers are guarded. The operator is warned of one that cannot be: the SDK reports to no one. */
export function guardFactory(createServer: CreateServer, settings: Settings): CreateServer {
  return async (context) => {
    const server = await createServer(context)
    try {
      guardServer(server, settings)
    } catch (error) {
      warnOnce(`No server is served: ${(error as Error).message}`, 'ONBEHALF_NOT_SERVED')
      throw error
    }
    return server
  }
}
