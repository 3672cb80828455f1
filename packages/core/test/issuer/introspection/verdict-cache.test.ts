import {
  type Authenticator,
  type Claims,
  createAuthenticator,
  direct,
  type IntrospectionOptions,
  introspected,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { now, resource } from '../../support/world.ts'
import { type Answer, activeToken, type Endpoint, raw, startEndpoint } from './endpoint.ts'

interface World {
  readonly endpoint: Endpoint
  readonly authenticator: Authenticator<unknown>
  /** Moves both clocks. */
  readonly pass: (seconds: number) => void
  /** Moves the wall clock alone. */
  readonly setWallClock: (seconds: number) => void
  /** The subject, or the reason for a refusal. */
  readonly verdict: (token?: string) => Promise<string>
}

async function start(
  answer: Answer | object = activeToken(),
  options: Partial<IntrospectionOptions> = {},
): Promise<World> {
  let [wall, passed] = [now, 0]
  const endpoint = await startEndpoint(answer)
  const monotonic = (): number => passed
  const issuer = introspected(endpoint.options({ monotonic, ...options }))
  const authenticator = createAuthenticator({
    resource,
    sources: [direct({ issuer })],
    clock: () => wall,
  })
  return {
    endpoint,
    authenticator,
    pass(seconds) {
      wall += seconds
      passed += seconds
    },
    setWallClock(seconds) {
      wall = seconds
    },
    verdict: (token = 'opaque-token') =>
      authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } }).then(
        ({ subject }) => subject,
        (error: { reason: string }) => error.reason,
      ),
  }
}

/** Answers when it is asked to. */
function held(): {
  readonly answer: Answer
  readonly release: () => void
  readonly waiting: () => number
} {
  const waiting: (() => void)[] = []
  return {
    answer: (res) => void waiting.push(() => res.end(JSON.stringify(activeToken()))),
    release: () => {
      for (const go of waiting.splice(0)) go()
    },
    waiting: () => waiting.length,
  }
}

/** Asks for many tokens, some of them at a time. */
async function verdictsOf(
  verdict: World['verdict'],
  from: number,
  to: number,
  name: string,
): Promise<void> {
  const atATime = 50
  for (let first = from; first < to; first += atATime) {
    const count = Math.min(atATime, to - first)
    await Promise.all(Array.from({ length: count }, (_, at) => verdict(`${name}-${first + at}`)))
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 500; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect(condition()).toBe(true)
}

describe('a good answer', () => {
  it('is used again for 30 seconds', async () => {
    const { verdict, endpoint, pass } = await start()
    await verdict()
    pass(29)
    expect(await verdict()).toBe('jane')
    expect(endpoint.questions).toHaveLength(1)
    pass(1)
    expect(await verdict()).toBe('jane')
    expect(endpoint.questions).toHaveLength(2)
  })

  it('lets a withdrawn token pass no longer than that', async () => {
    const { verdict, endpoint, pass } = await start()
    await verdict()
    endpoint.answer({ active: false })
    pass(29)
    expect(await verdict()).toBe('jane')
    pass(1)
    expect(await verdict()).toBe('inactive')
  })

  it('is not used beyond the expiry of its token', async () => {
    const claims = activeToken({ exp: now + 10 })
    const { verdict, endpoint, pass } = await start(claims, { clockSkewSeconds: 0 })
    await verdict()
    pass(9)
    expect(await verdict()).toBe('jane')
    pass(1)
    expect(await verdict()).toBe('expired')
    expect(endpoint.questions).toHaveLength(1)
  })

  it('is asked for every time where nothing is kept', async () => {
    const { verdict, endpoint } = await start(activeToken(), { cacheSeconds: 0 })
    await verdict()
    endpoint.answer({ active: false })
    expect(await verdict()).toBe('inactive')
    expect(endpoint.questions).toHaveLength(2)
  })

  it('ages from when it was asked for, not from when it came', async () => {
    const { answer, release, waiting } = held()
    const { verdict, endpoint, pass } = await start(answer)
    const first = verdict()
    await until(() => waiting() === 1)
    pass(20)
    release()
    await first
    endpoint.answer({ active: false })
    pass(9)
    expect(await verdict()).toBe('jane')
    pass(1)
    expect(await verdict()).toBe('inactive')
  })

  it('ages while the wall clock is set back', async () => {
    const { verdict, endpoint, pass, setWallClock } = await start()
    await verdict()
    endpoint.answer({ active: false })
    pass(31)
    setWallClock(now - 50)
    expect(await verdict()).toBe('inactive')
  })

  it('cannot be changed by a caller that gets it', async () => {
    const { authenticator, verdict } = await start(activeToken({ groups: ['staff'] }))
    const request = { headers: { authorization: 'Bearer opaque-token' } }
    const { claims } = (await authenticator.authenticate(request)) as {
      claims: { groups: string[]; sub: string }
    }
    expect(() => claims.groups.push('admin')).toThrow(TypeError)
    expect(() => {
      claims.sub = 'admin'
    }).toThrow(TypeError)
    expect(await verdict()).toBe('jane')
  })

  it('cannot be changed by a schema', async () => {
    const promote = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => {
          Object.assign(value as object, { sub: 'admin' })
          return { value: value as Claims }
        },
      },
    }
    const { verdict } = await start(activeToken(), { schema: promote })
    expect(await verdict()).toBe('claims_schema_failed')
    expect(await verdict()).toBe('claims_schema_failed')
  })

  it('does not serve another token', async () => {
    const { verdict, endpoint } = await start((res, { form }) => {
      res.end(JSON.stringify(activeToken({ sub: form.get('token') })))
    })
    expect(await verdict('token-a')).toBe('token-a')
    expect(await verdict('token-b')).toBe('token-b')
    expect(await verdict('token-a')).toBe('token-a')
    expect(endpoint.questions).toHaveLength(2)
  })

  it('is not kept when it is longer than 64 KiB', async () => {
    const { verdict, endpoint } = await start(activeToken({ groups: ['x'.repeat(64 * 1024)] }))
    await verdict()
    await verdict()
    expect(endpoint.questions).toHaveLength(2)
  })

  it('is forgotten when others have filled 4 MiB', async () => {
    const { verdict, endpoint } = await start(activeToken({ groups: ['x'.repeat(60 * 1024)] }))
    for (let n = 0; n < 70; n++) await verdict(`token-${n}`)
    await verdict('token-69')
    await verdict('token-10')
    expect(endpoint.questions).toHaveLength(70)
    await verdict('token-0')
    expect(endpoint.questions).toHaveLength(71)
  })

  it('is forgotten when a thousand others came', async () => {
    const { verdict, endpoint } = await start()
    for (const first of ['token-0', 'token-1']) await verdict(first)
    await verdictsOf(verdict, 2, 1_001, 'token')
    await verdict('token-1000')
    await verdict('token-1')
    expect(endpoint.questions).toHaveLength(1_001)
    await verdict('token-0')
    expect(endpoint.questions).toHaveLength(1_002)
  }, 60_000)
})

describe('any other answer', () => {
  it.each([
    ['inactive', { active: false }, 'inactive'],
    ['an outage', raw('', 500), 'introspection_status_500'],
    ['nonsense', raw('{}'), 'introspection_malformed'],
  ])('is asked for again: %s', async (_form, answer, reason) => {
    const { verdict, endpoint } = await start(answer)
    expect(await verdict()).toBe(reason)
    endpoint.answer(activeToken())
    expect(await verdict()).toBe('jane')
  })

  it('does not displace a good one, however many come', async () => {
    const { verdict, endpoint } = await start()
    await verdict()
    endpoint.answer({ active: false })
    await verdictsOf(verdict, 0, 1_100, 'garbage')
    expect(await verdict()).toBe('jane')
  }, 60_000)
})

describe('questions at the same time', () => {
  it('are asked once when they are equal', async () => {
    const { answer, release, waiting } = held()
    const { verdict, endpoint } = await start(answer)
    const verdicts = Promise.all(Array.from({ length: 100 }, () => verdict()))
    await until(() => waiting() === 1)
    release()
    expect(new Set(await verdicts)).toEqual(new Set(['jane']))
    expect(endpoint.questions).toHaveLength(1)
  })

  it('fail together, and are asked again afterwards', async () => {
    const { verdict, endpoint } = await start(raw('', 500))
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => verdict()))
    expect(new Set(verdicts)).toEqual(new Set(['introspection_status_500']))
    expect(endpoint.questions).toHaveLength(1)
    endpoint.answer(activeToken())
    expect(await verdict()).toBe('jane')
  })

  it('are bounded: no flood of made-up tokens reaches the endpoint', async () => {
    const { answer, release, waiting } = held()
    const { verdict, endpoint } = await start()
    await verdict('known')
    endpoint.answer(answer)
    const flood = Array.from({ length: 200 }, (_, n) => verdict(`made-up-${n}`))
    await until(() => waiting() === 64)
    expect(await verdict('known')).toBe('jane')
    expect(await verdict('unknown')).toBe('introspection_busy')
    release()
    const verdicts = await Promise.all(flood)
    expect(verdicts.filter((reason) => reason === 'introspection_busy')).toHaveLength(136)
    expect(endpoint.questions).toHaveLength(65)
    endpoint.answer(activeToken())
    expect(await verdict('unknown')).toBe('jane')
  })
})
