import type { Cleanup } from './cleanup.ts'
import { StartError } from './example-server.ts'
import { freePorts, portsFrom, takenPorts } from './ports.ts'
import { startWorld, type World } from './world.ts'

const attempts = 3

/** Starts everything on ports in a row, and names those that another process has. */
export async function startOnPorts(first: number, cleanup: Cleanup): Promise<World> {
  const ports = portsFrom(first)
  const taken = await takenPorts(ports)
  if (taken.length > 0) {
    const which = taken.map(({ name, port }) => `port ${port} (${name})`).join(', ')
    throw new Error(`taken by another process: ${which}; choose others with --port NUMBER`)
  }
  return startWorld(ports, cleanup)
}

/** Starts everything on ports that are free. Another process may take one first: then on others. */
export async function startOnFreePorts(cleanup: Cleanup): Promise<World> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startWorld(await freePorts(), cleanup)
    } catch (error) {
      const isTaken = error instanceof StartError && error.portTaken
      if (!isTaken || attempt === attempts) throw error
    }
  }
}
