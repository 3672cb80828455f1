import { check, decide, type Guard } from '@onbehalf/core/guards'
import { guarded, protect, type ServerEvent } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { listTrail } from './support/audit.ts'
import { makeIdentity } from './support/callers.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, list, names, reasonOf, wire } from './support/raw.ts'

const never = new Promise<never>(() => {})
const hanging: Guard = check('policy engine', () => never)
// oxlint-disable-next-line no-thenable -- what a query builder returns
const thenable: Guard = check('query', () => ({ then: () => {} }) as never)

const ways = generations.flatMap((generation) => [
  { generation, way: 'the guard of a handler', guard: hanging, isRule: false },
  { generation, way: 'a guard of a thenable', guard: thenable, isRule: false },
  { generation, way: 'a rule', guard: hanging, isRule: true },
])

describe.each(ways)(
  '$way of a $generation server that never decides',
  ({ generation, guard, isRule }) => {
    async function start() {
      const events: ServerEvent[] = []
      const { trail, events: recorded } = listTrail()
      const server = protect(makeServer(generation), {
        guardTimeoutSeconds: 0.05,
        onEvent: (event) => void events.push(event),
        audit: trail,
        ...(isRule && { rules: [{ kind: 'tool', name: 'slow', guard }] }),
      })
      let runs = 0
      const run = async () => {
        runs += 1
        return reply('done')
      }
      server.registerTool('slow', { inputSchema: nothing }, isRule ? run : guarded(guard, run))
      server.registerTool('quick', { inputSchema: nothing }, async () => reply('done'))
      return { line: await wire(generation, server), events, recorded, runs: () => runs }
    }

    test('refuses the call, and reports it to the operator', async () => {
      const { line, events, recorded, runs } = await start()
      const answer = await line.ask(call(1, 'slow'), 'ada')
      expect(reasonOf(answer)).toBe('guard_timeout')
      expect(answer.result?.['isError']).toBe(true)
      expect(runs()).toBe(0)
      const decision = { effect: 'deny', guard: guard.name, reason: 'guard_timeout' }
      expect(events).toMatchObject([{ tool: 'slow', decision }])
      expect(recorded).toMatchObject([{ type: 'refusal', decision }])
    })

    test('leaves its item out of lists', async () => {
      const { line } = await start()
      expect(names(await line.ask(list(1), 'ada'))).toEqual(['quick'])
    })
  },
)

test('a guard has ten seconds where nothing else is said, and no timer afterwards', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const now = Date.now() / 1000
  const decided = decide(hanging, makeIdentity(), {
    now,
    call: { arguments: {} },
  }) as Promise<object>
  let decision: object | undefined
  void decided.then((made) => {
    decision = made
  })
  await vi.advanceTimersByTimeAsync(9_900)
  expect(decision).toBeUndefined()
  await vi.advanceTimersByTimeAsync(200)
  expect(decision).toMatchObject({ effect: 'deny', reason: 'guard_timeout' })
  const quick = check('quick', async () => true)
  await decide(quick, makeIdentity(), { now })
  expect(vi.getTimerCount()).toBe(0)
})

test.each([0, -1, Number.NaN])(
  'guardTimeoutSeconds must be positive: %s',
  (guardTimeoutSeconds) => {
    const make = () => protect(makeServer('v1'), { guardTimeoutSeconds })
    expect(make).toThrow(new TypeError('guardTimeoutSeconds must be positive'))
  },
)
