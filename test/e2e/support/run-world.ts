import { createCleanup } from '../../../examples/demo/src/cleanup.ts'
import { freePorts } from '../../../examples/demo/src/ports.ts'
import { startWorld, type World } from '../../../examples/demo/src/world.ts'

/** How Node runs an example of this repository; a copy elsewhere has no use for the condition. */
export const nodeOptions: readonly string[] = ['--conditions=@onbehalf/source', '--import', 'tsx']

/** Issuers, the gateway and every example server behind it, as the demo runs them. */
export async function runWorld(): Promise<World> {
  return startWorld(await freePorts(), createCleanup(), nodeOptions)
}
