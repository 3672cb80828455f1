import { expect, test } from 'vitest'
import { Census } from './census.ts'
import { kinds } from './kinds/index.ts'
import { runRounds } from './run-kind.ts'

const rounds = 200

test.each(kinds)('$name leaves nothing behind', async (kind) => {
  const census = new Census()
  try {
    const running = await kind.start(census)
    const done = await runRounds(running, { from: 0, to: rounds })
    await running.close?.()
    expect({ done, alive: await census.alive(), timers: census.timers }).toEqual({
      done: rounds,
      alive: 0,
      timers: 0,
    })
  } finally {
    census.close()
  }
})
