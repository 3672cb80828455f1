import { join } from 'node:path'
import type { LogSource } from '../log/log-source.ts'
import { directorySource } from './directory-source.ts'

/**
 * The logs of several directories as one. Files are named with their directory.
 *
 * @throws TypeError without a directory
 */
export function joinSources(directories: readonly string[]): LogSource {
  const [first, ...more] = directories.map(placeAt)
  if (first === undefined) throw new TypeError('name a directory')
  if (more.length === 0) return first.source
  const places = new Map<string, Place>()
  // A chain that only a head kept elsewhere knows is missing in the first as it is in all others.
  const placeOf = (chain: string): Place => places.get(chain) ?? first
  return {
    chains: async () => {
      for (const place of [first, ...more]) {
        const chains = await place.source.chains()
        // Two copies cannot both be the log, and nothing says which of them is.
        const twice = chains.find((chain) => places.has(chain))
        if (twice !== undefined) throw new Error(`chain ${twice} is in two of the directories`)
        for (const chain of chains) places.set(chain, place)
      }
      return [...places.keys()]
    },
    heads: async (chain) => {
      const { directory, source } = placeOf(chain)
      const { file, lines } = await source.heads(chain)
      return { file: join(directory, file), lines }
    },
    scan: async (chain, visit) => {
      const { directory, source } = placeOf(chain)
      const end = await source.scan(chain, (line) =>
        visit({ ...line, file: join(directory, line.file) }),
      )
      return {
        lastFile: join(directory, end.lastFile),
        torn: end.torn.map((torn) => ({ ...torn, file: join(directory, torn.file) })),
      }
    },
  }
}

interface Place {
  readonly directory: string
  readonly source: LogSource
}

function placeAt(directory: string): Place {
  return { directory, source: directorySource(directory) }
}
