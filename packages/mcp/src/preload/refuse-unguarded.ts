import { Server } from 'node:net'
import { exchange } from './exchange.ts'

interface Listener {
  listen: (this: Listener, ...input: unknown[]) => unknown
}

/**
 * Ends the process when it is about to listen, or to read stdin, while nothing in it is guarded: what
 * it serves then is not a server that could be.
 */
export function refuseUnguarded(isGuarded: () => boolean): void {
  exchange(
    Server.prototype as unknown as Listener,
    'listen',
    (listen) =>
      function listenGuarded(this: Listener, ...input) {
        if (!isGuarded()) endProcess('listens')
        return listen.apply(this, input)
      },
  )
  watchStdin(isGuarded)
}

function watchStdin(isGuarded: () => boolean): void {
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')
  const open = stdin?.get?.bind(process) as (() => NodeJS.ReadStream) | undefined
  if (open === undefined) throw new TypeError('stdin of this process cannot be watched')
  let isWatched = false
  const openWatched = (): NodeJS.ReadStream => {
    const stream = open()
    if (!isWatched) stream.on('newListener', refuseReader)
    isWatched = true
    return stream
  }
  const refuseReader = (event: string | symbol): void => {
    if ((event === 'data' || event === 'readable') && !isGuarded()) endProcess('reads stdin')
  }
  Object.defineProperty(process, 'stdin', { ...stdin, get: openWatched })
}

function endProcess(does: string): never {
  process.stderr.write(
    `onbehalf: the process ${does}, and no MCP server was found in it that could be guarded\n`,
  )
  process.exit(1)
}
