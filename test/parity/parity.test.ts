import { describe, expect, onTestFinished, test } from 'vitest'
import { type Behaviour, common, helloParams } from './behaviours.ts'
import { connections } from './connections.ts'
import { comparable, intended } from './differences.ts'
import { type Inside, makeKitchen } from './kitchen.ts'
import { makeLowKitchen } from './low-kitchen.ts'
import { type Guarding, type Way, ways } from './ways.ts'

/** All that a client sees, and what happens inside the server, but for what no two runs have alike. */
async function observe(way: Way, behaviour: Behaviour, guarding: Guarding): Promise<unknown> {
  const inside: Inside = []
  const { generation } = way
  const make = () =>
    behaviour.server === 'low'
      ? makeLowKitchen(generation, inside)
      : makeKitchen(generation, inside)
  const { capabilities, run } = behaviour
  const options = { ...(way.isModern && { isModern: true }), ...(capabilities && { capabilities }) }
  const line = await way.open(make, guarding, options)
  onTestFinished(() => line.close())
  const hello =
    way.isModern === true
      ? undefined
      : await line.ask('initialize', helloParams(capabilities), 'hello')
  if (way.lasts === true && hello !== undefined) await line.tell('notifications/initialized')
  const seen = await run(line, inside)
  return JSON.parse(neutral(JSON.stringify({ hello, seen, inside })))
}

const uuid = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g
const task = /"taskId":"[0-9a-f]{32}"/g
const date = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

function neutral(text: string): string {
  return text.replace(uuid, 'uuid').replace(task, '"taskId":"task"').replace(date, 'date')
}

const guardings = ['protected', 'slowly guarded and strictly recorded'] as const
const behaviours = [...common, ...connections]

describe.each(ways)('a client of a server $name', (way) => {
  const possible = behaviours.filter(({ where }) => where === undefined || where(way))

  test.each(possible)('$does alike, guarded or not', async (behaviour) => {
    const bare = await observe(way, behaviour, 'bare')
    for (const guarding of guardings) {
      const guarded = await observe(way, behaviour, guarding)
      const compare = (seen: unknown) => ({
        guarding,
        seen: comparable(seen, behaviour, guarding, way),
      })
      expect(compare(guarded)).toEqual(compare(intended(bare, behaviour)))
    }
  })
})
