import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import type { Identity } from '@onbehalf/core'
import { currentIdentity, identityOf, requireOrg } from '@onbehalf/mcp'
import { z } from 'zod'

export const input = z.object({ nonce: z.string(), orgId: z.string() })
type Input = z.infer<typeof input>

/** What a tool tells of its caller, by every way it can know of them, at every moment. */
export interface Telling {
  readonly nonce: string
  readonly callers: readonly string[]
}

/** A tool in which the first calls wait for each other, so that all of them are inside at once. */
export interface Whose {
  /** How many calls were inside at once, at most. */
  readonly most: number
  readonly tool: ReturnType<typeof createTool>
}

/** @param gathering how many calls wait for each other */
export function createWhose(gathering: number): Whose {
  let inside = 0
  let most = 0
  let complete = (): void => {}
  const gathered = new Promise<void>((resolve) => {
    complete = resolve
  })
  const tool = createTool(async (work) => {
    inside += 1
    most = Math.max(most, inside)
    if (inside === gathering) complete()
    await gathered
    try {
      return await work()
    } finally {
      inside -= 1
    }
  })
  return {
    tool,
    get most() {
      return most
    },
  }
}

/** Asks again and again whose call it serves, with others in between. */
function createTool(enter: (work: () => Promise<Telling>) => Promise<Telling>) {
  return requireOrg({ match: ({ orgId }: Input) => orgId }, async ({ nonce }: Input, ctx) => {
    const know = () => [ctx.identity, currentIdentity(), identityOf(ctx)]
    const before = know()
    const telling = await enter(async () => {
      const callers = [...before, ...(await below(3)), ...know()]
      return { nonce, callers: callers.map(nameCaller) }
    })
    return { content: [{ type: 'text' as const, text: JSON.stringify(telling) }] }
  })
}

/** Code that was handed no context, several awaits and branches below the handler. */
async function below(depth: number): Promise<readonly (Identity | undefined)[]> {
  await pause()
  const before = currentIdentity()
  if (depth === 0) return [before]
  const branches = await Promise.all([below(depth - 1), below(depth - 1)])
  return [before, ...branches.flat(), currentIdentity()]
}

async function pause(): Promise<void> {
  const kind = Math.floor(Math.random() * 4)
  if (kind === 0) return
  if (kind === 1) return turn()
  if (kind === 2) return new Promise((resolve) => process.nextTick(resolve))
  await delay(Math.random() * 8)
}

function nameCaller(identity: Identity | undefined): string {
  const { subject, organization, gateway } = identity ?? {}
  return `${subject} of ${organization?.id} through ${gateway?.client}`
}
