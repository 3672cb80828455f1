import { isIdentityError, type KeyEvent, type KeySource } from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { jwksKeys, type RemoteKeysOptions } from '../../src/keys/remote-keys.ts'
import { createSigner, type Signer } from '../support/signer.ts'

const issuer = 'https://issuer.example'
let signers: Record<'a' | 'b', Signer>
beforeAll(async () => {
  signers = { a: await createSigner('a'), b: await createSigner('b') }
})

/** A key endpoint in memory: what it publishes, when it answers, and how often it was asked. */
interface Bench {
  readonly keys: KeySource
  readonly events: readonly KeyEvent[]
  readonly fetches: number
  now: number
  /** Names of the published keys; a number is the status of a failure. */
  published: readonly ('a' | 'b')[] | number
  /** Holds answers back until the returned function is called. */
  hold(): () => void
  find(keyId: string): Promise<string>
  /** Lets refreshes that nobody waits for come to their end. */
  settle(): Promise<void>
}

function createBench(options: RemoteKeysOptions = {}): Bench {
  const events: KeyEvent[] = []
  let gate: Promise<void> = Promise.resolve()
  let fetches = 0
  async function answer(): Promise<Response> {
    fetches += 1
    await gate
    const { published } = bench
    if (typeof published === 'number') return new Response('', { status: published })
    return Response.json({ keys: published.map((name) => signers[name].jwk) })
  }
  const report = (event: KeyEvent): void => void events.push(event)
  const keys = jwksKeys('https://issuer.example/jwks', {
    fetch: answer,
    monotonic: () => bench.now,
    random: () => 0,
    ...options,
  })
  const bench: Bench = {
    keys,
    events,
    now: 5000,
    published: ['a'],
    get fetches() {
      return fetches
    },
    hold() {
      let release = (): void => {}
      gate = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    find: (keyId) =>
      Promise.resolve(keys.find({ algorithm: 'ES256', keyId, issuer }, report)).then(
        (found) => (found.length === 0 ? 'unknown' : 'found'),
        (error: unknown) => (isIdentityError(error) ? error.reason : 'crashed'),
      ),
    settle: () => new Promise((resolve) => void setTimeout(resolve, 5)),
  }
  return bench
}

describe('a key set', () => {
  it('is not fetched before someone asks', async () => {
    const bench = createBench()
    await bench.settle()
    expect(bench.fetches).toBe(0)
  })

  it('serves without a fetch until 70 % of its age', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.now += 419.9
    expect(await bench.find('a')).toBe('found')
    expect(bench.fetches).toBe(1)
  })

  it('is refreshed from 70 % of its age on by a call that does not wait', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.now += 420
    const release = bench.hold()
    expect(await bench.find('a')).toBe('found')
    expect(bench.fetches).toBe(2)
    release()
    await bench.settle()
    expect(bench.events.map(({ type }) => type)).toEqual(['keys_loaded', 'keys_loaded'])
  })

  it('is refreshed at 80 % of its age by the most patient of many servers', async () => {
    const bench = createBench({ random: () => 1 })
    await bench.find('a')
    bench.now += 479
    await bench.find('a')
    expect(bench.fetches).toBe(1)
    bench.now += 1
    await bench.find('a')
    expect(bench.fetches).toBe(2)
  })

  it('is waited for beyond its age, by all calls at once', async () => {
    const bench = createBench()
    bench.published = ['a', 'b']
    await bench.find('a')
    bench.now += 600
    bench.published = ['b']
    const release = bench.hold()
    const calls = [bench.find('a'), bench.find('b'), bench.find('a')]
    await bench.settle()
    release()
    expect(await Promise.all(calls)).toEqual(['unknown', 'found', 'unknown'])
    expect(bench.fetches).toBe(2)
  })

  it('serves beyond its age without waiting when its source failed lately', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.now += 420
    bench.published = 500
    await bench.find('a')
    await bench.settle()
    bench.now += 300
    bench.hold()
    expect(await bench.find('a')).toBe('found')
    expect(bench.fetches).toBe(3)
  })

  it('is waited for again when the failure of its source is old news', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.now += 420
    bench.published = 500
    await bench.find('a')
    await bench.settle()
    bench.now += 601
    bench.published = ['b']
    expect(await bench.find('a')).toBe('unknown')
  })

  it('ends with its stale period', async () => {
    const bench = createBench({ maxAgeSeconds: 100, maxStaleSeconds: 50 })
    await bench.find('a')
    bench.published = 500
    bench.now += 149
    expect(await bench.find('a')).toBe('found')
    bench.now += 1
    expect(await bench.find('a')).toBe('keys_unavailable')
  })

  it('may be denied any stale period', async () => {
    const bench = createBench({ maxAgeSeconds: 100, maxStaleSeconds: 0 })
    await bench.find('a')
    bench.published = 500
    bench.now += 100
    expect(await bench.find('a')).toBe('keys_unavailable')
  })

  it('comes back for the call that finds its source fixed, even after its end', async () => {
    const bench = createBench({ maxAgeSeconds: 100, maxStaleSeconds: 0 })
    await bench.find('a')
    bench.published = 500
    bench.now += 100
    await bench.find('a')
    bench.published = ['a']
    bench.now += 1
    expect(await bench.find('a')).toBe('found')
  })
})

describe('a failing source', () => {
  it.each([
    ['without jitter', 0, [1, 2, 4, 8, 16, 32, 60, 60]],
    ['with most jitter', 1, [1.25, 2.5, 5, 10, 20, 40, 75, 75]],
  ])('is left alone for longer and longer, %s', async (_, jitter, pauses) => {
    const bench = createBench({ random: () => jitter })
    bench.published = 503
    await bench.find('a')
    for (const [index, pause] of pauses.entries()) {
      bench.now += pause - 0.01
      expect(await bench.find('a')).toBe('keys_unavailable')
      expect(bench.fetches).toBe(index + 1)
      bench.now += 0.02
      await bench.find('a')
      expect(bench.fetches).toBe(index + 2)
    }
  })

  it('is asked at once when it failed, recovered and grew old', async () => {
    const bench = createBench()
    bench.published = 500
    await bench.find('a')
    bench.published = ['a']
    bench.now += 1
    await bench.find('a')
    bench.published = 500
    bench.now += 420
    await bench.find('a')
    await bench.settle()
    bench.now += 1
    await bench.find('a')
    expect(bench.fetches).toBe(4)
  })

  it('tells callers when it is asked again, and what is wrong', async () => {
    const bench = createBench()
    bench.published = 500
    const report = (): void => {}
    await bench.keys.ready(report).catch(() => undefined)
    bench.now += 1
    await bench.keys.ready(report).catch(() => undefined)
    bench.now += 0.5
    await expect(bench.keys.ready(report)).rejects.toMatchObject({
      code: 'DOWN',
      reason: 'keys_unavailable',
      retryAfterSeconds: 1.5,
      cause: { reason: 'status_500' },
    })
  })

  it('tells operators what serves meanwhile and for how long', async () => {
    const bench = createBench({ maxAgeSeconds: 100, maxStaleSeconds: 200 })
    await bench.find('a')
    bench.published = 500
    for (const seconds of [70, 60, 200]) {
      bench.now += seconds
      await bench.find('a')
      await bench.settle()
    }
    expect(bench.events.slice(1)).toEqual([
      failed({ failures: 1, serving: 'fresh', usableForSeconds: 230 }),
      failed({ failures: 2, serving: 'stale', usableForSeconds: 170 }),
      failed({ failures: 3, serving: 'none', usableForSeconds: 0 }),
    ])
  })
})

function failed(members: object): object {
  const url = 'https://issuer.example/jwks'
  return { type: 'keys_failed', reason: 'status_500', url, ignored: [], ...members }
}

describe('an unknown key id', () => {
  it('causes two fetches at once and one more for each 30 seconds', async () => {
    const bench = createBench()
    await bench.find('a')
    const fetches: number[] = []
    for (let second = 0; second <= 90; second++) {
      const looked = bench.fetches
      const verdict = await bench.find(`x${second}`)
      expect(verdict).toBe(bench.fetches > looked ? 'unknown' : 'key_unverifiable')
      fetches.push(bench.fetches - 1)
      bench.now += 1
    }
    expect([0, 1, 29, 30, 59, 60, 90].map((second) => fetches[second])).toEqual([
      1, 2, 2, 3, 3, 4, 5,
    ])
  })

  it('never makes a key unknown that the issuer took into use during a flood', async () => {
    const bench = createBench()
    await bench.find('a')
    for (const id of ['x1', 'x2', 'x3']) await bench.find(id)
    bench.published = ['a', 'b']
    for (let second = 0; second < 30; second++) {
      expect(await bench.find('b')).toBe('key_unverifiable')
      bench.now += 1
    }
    expect(await bench.find('b')).toBe('found')
  })

  it('is unknown without a look once the issuer has withdrawn it', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.published = ['b']
    expect(await bench.find('b')).toBe('found')
    for (const id of ['x1', 'x2']) await bench.find(id)
    const before = bench.fetches
    expect(await bench.find('a')).toBe('unknown')
    expect(bench.fetches).toBe(before)
  })

  it('spends the budget with failures as well', async () => {
    const bench = createBench()
    await bench.find('a')
    bench.published = 500
    for (let second = 0; second < 90; second++) {
      expect(await bench.find('x')).toBe('key_unverifiable')
      expect(await bench.find('a')).toBe('found')
      bench.now += 1
    }
    expect(bench.fetches - 1).toBeLessThanOrEqual(2 + 3)
  })

  it('costs a new set nothing when the call has just waited for that set', async () => {
    const bench = createBench()
    expect(await bench.find('x')).toBe('unknown')
    expect(bench.fetches).toBe(1)
    expect(bench.events.at(-1)).toEqual({ type: 'key_unknown', lookedAgain: false })
  })

  it('joins a fetch that is under way, and known keys do not wait for it', async () => {
    const bench = createBench()
    await bench.find('a')
    const release = bench.hold()
    const lookUps = [bench.find('b'), bench.find('x'), bench.find('y')]
    await bench.settle()
    expect(await bench.find('a')).toBe('found')
    bench.published = ['a', 'b']
    release()
    expect(await Promise.all(lookUps)).toEqual(['found', 'unknown', 'unknown'])
    expect(bench.fetches).toBe(2)
  })

  it('is reported to operators, with whether anyone looked', async () => {
    const bench = createBench()
    await bench.find('a')
    for (let at = 0; at < 3; at++) await bench.find('x')
    const unknown = bench.events.filter(({ type }) => type === 'key_unknown')
    expect(unknown).toEqual([
      { type: 'key_unknown', lookedAgain: true },
      { type: 'key_unknown', lookedAgain: true },
      { type: 'key_unknown', lookedAgain: false },
    ])
  })
})

describe('a key source', () => {
  it('gives a fetch up that ignores its signal, and uses the next one', async () => {
    const answers = [new Promise<never>(() => {}), Promise.resolve()]
    const fetch = async (): Promise<Response> => {
      await answers.shift()
      return Response.json(signers.a.jwks)
    }
    const bench = createBench({ fetch, timeoutSeconds: 0.05 })
    expect(await bench.find('a')).toBe('keys_unavailable')
    expect(bench.events).toMatchObject([{ type: 'keys_failed', reason: 'timeout' }])
    bench.now += 1
    expect(await bench.find('a')).toBe('found')
  })

  it('is ready while it serves, also when its source fails', async () => {
    const bench = createBench()
    await bench.keys.ready(() => {})
    bench.published = 500
    bench.now += 3600
    await bench.keys.ready(() => {})
    await bench.keys.ready(() => {})
    expect(bench.fetches).toBe(2)
  })

  it.each([
    ['maxAgeSeconds', 0, 'must be positive'],
    ['maxAgeSeconds', -1, 'must be positive'],
    ['maxAgeSeconds', Number.NaN, 'must be positive'],
    ['maxAgeSeconds', Number.POSITIVE_INFINITY, 'must be positive'],
    ['maxStaleSeconds', -1, 'must not be negative'],
    ['maxStaleSeconds', Number.NaN, 'must not be negative'],
    ['maxStaleSeconds', Number.POSITIVE_INFINITY, 'must not be negative'],
  ])('refuses %s of %s', (option, value, complaint) => {
    expect(() => jwksKeys('https://issuer.example/jwks', { [option]: value })).toThrow(
      new TypeError(`${option} ${complaint}`),
    )
  })
})
