import { type DecisionEvent, protect, requireUser } from '@onbehalf/mcp'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listTrail } from './support/audit.ts'
import { makeAuthInfo, makeIdentity } from './support/callers.ts'
import { makeServer, nothing, reply } from './support/make-server.ts'
import { call, generations, linkedPair, list } from './support/raw.ts'

const own = () => makeAuthInfo(makeIdentity())
// What another installed copy of the package leaves behind: its mark, and none of our records.
const foreign = () =>
  Object.defineProperty({ ...own() }, Symbol.for('onbehalf.authInfo'), { value: true })

const losses: readonly (readonly [string, () => unknown, string])[] = [
  ['nothing in front', () => undefined, 'no_auth_info'],
  ['null', () => null, 'no_auth_info'],
  ['a copy with a member more', () => ({ ...own(), plan: 'gold' }), 'auth_info_copied'],
  ['a copy by JSON', () => JSON.parse(JSON.stringify(own())) as unknown, 'auth_info_copied'],
  ['a structured clone', () => structuredClone({ ...own(), resource: '' }), 'auth_info_copied'],
  ['an object that inherits it', () => Object.create(own()) as unknown, 'auth_info_copied'],
  ['the claims of other middleware', () => ({ sub: 'ada', iss: 'x' }), 'auth_info_replaced'],
  [
    'the AuthInfo of the SDK’s own middleware',
    () => ({ token: 't', clientId: 'c', scopes: [] }),
    'auth_info_replaced',
  ],
  ['a text', () => 'ada', 'auth_info_replaced'],
  ['another copy of core', foreign, 'two_cores'],
]

describe.each(generations)('a %s server that gets no identity', (generation) => {
  test.each(losses)('says why: %s', async (_what, authInfoOf, loss) => {
    const events: DecisionEvent[] = []
    const { trail: audit, events: recorded } = listTrail()
    const server = protect(makeServer(generation), {
      audit,
      onEvent: (event) => event.type === 'decision' && events.push(event),
    })
    const run = requireUser(async (_args: object) => reply('ran'))
    server.registerTool('whoami', { inputSchema: nothing }, run)
    const [near, far] = linkedPair(generation)
    const answers: string[] = []
    const answered = new Promise<void>((resolve) => {
      near.onmessage = (message) => {
        answers.push(JSON.stringify(message))
        if (answers.length === 2) resolve()
      }
    })
    await server.connect(far as never)
    await near.start()
    onTestFinished(() => near.close())
    for (const message of [list(1), call(2, 'whoami')]) {
      await near.send(message as never, { authInfo: authInfoOf() } as never)
    }
    await answered
    expect(events.map((event) => event.identityLoss)).toEqual([loss])
    expect(recorded.map(({ decision }) => decision.reason)).toEqual([loss])
    // The caller learns what any other without an identity learns.
    expect(answers.join()).toContain('identity_missing')
    expect(answers.join()).not.toContain(loss)
  })
})

test('an identity that is there, or need not be, is not missed', async () => {
  const events: DecisionEvent[] = []
  const server = protect(makeServer('v1'), {
    guests: true,
    onEvent: (event) => event.type === 'decision' && events.push(event),
  })
  const run = requireUser(async (_args: object) => reply('ran'))
  server.registerTool('whoami', { inputSchema: nothing }, run)
  const [near, far] = linkedPair('v1')
  await server.connect(far as never)
  await near.start()
  onTestFinished(() => near.close())
  const answered = new Promise<void>((resolve) => {
    near.onmessage = ({ id }: { id?: unknown }) => id === 2 && resolve()
  })
  await near.send(call(1, 'whoami') as never)
  await near.send(call(2, 'whoami') as never, { authInfo: own() } as never)
  await answered
  expect(events.map(({ decision }) => decision.effect)).toEqual(['deny', 'allow'])
  expect(events.map((event) => event.identityLoss)).toEqual([undefined, undefined])
})
