import type { Outcome } from './outcome.ts'
import type { Way, World } from './world.ts'

/** One row of the demo. */
export interface Call {
  readonly way: Way
  readonly caller: string
  readonly what: string
  readonly expected: string
  /** Text that the answer of an allowed call has to hold. */
  readonly tells?: string
  run(world: World): Promise<Outcome & { readonly reached: string }>
}

/** A row after it was made. */
export interface Row {
  readonly call: Call
  readonly verdict: string
  readonly reached: string
  readonly asExpected: boolean
}

/** Makes a call and compares it with what was expected. */
export async function make(call: Call, world: World): Promise<Row> {
  try {
    const { verdict, answer, reached } = await call.run(world)
    const asExpected = verdict === call.expected && answer.includes(call.tells ?? '')
    return { call, verdict, reached, asExpected }
  } catch (error) {
    return { call, verdict: `failed: ${String(error)}`, reached: '', asExpected: false }
  }
}
