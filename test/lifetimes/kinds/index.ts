import type { Kind } from '../kind.ts'
import { connectionKinds } from './connections.ts'
import { listenKinds } from './listens.ts'
import { sessionKinds, streamKinds } from './sessions.ts'
import { socketKinds } from './sockets.ts'
import { taskKinds } from './tasks.ts'

export const kinds: readonly Kind[] = [
  ...sessionKinds,
  ...streamKinds,
  ...socketKinds,
  ...listenKinds,
  ...connectionKinds,
  ...taskKinds,
]
