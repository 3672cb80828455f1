import {
  type AuthenticatorEvent,
  type AuthenticatorOptions,
  createAuthenticator,
  direct,
  IdentityError,
  type KeySource,
  type Source,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { expectRefused, thrownBy } from '../support/expect-refused.ts'
import {
  bearer,
  canary,
  clock,
  createGateway,
  createPeople,
  createRecorder,
  gatewayIssuer,
  now,
  type Party,
  peopleIssuer,
  resource,
} from '../support/world.ts'

let people: Party
beforeAll(async () => {
  people = await createPeople()
})

type Options = Partial<AuthenticatorOptions<readonly Source[]>>

function withOptions(options: Options = {}) {
  return createAuthenticator({
    resource,
    clock,
    sources: [direct({ issuer: people.issuer() })] as readonly Source[],
    ...options,
  })
}

describe('an authenticator', () => {
  it('cannot be changed', () => {
    const authenticator = withOptions()
    expect(Object.isFrozen(authenticator)).toBe(true)
    expect(authenticator.resource).toBe(resource)
  })

  it('keeps its sources when the list is changed afterwards', async () => {
    const sources: Source[] = [direct({ issuer: people.issuer() })]
    const authenticator = withOptions({ sources })
    sources.length = 0
    const token = await people.token()
    expect(await authenticator.authenticate(bearer(token))).toMatchObject({ subject: 'jane' })
  })

  it('does not mix up requests that run at the same time', async () => {
    const authenticator = withOptions()
    const names = Array.from({ length: 100 }, (_, n) => `person-${n}`)
    const tokens = await Promise.all(names.map((sub) => people.token({ sub })))
    const identities = await Promise.all(
      tokens.map((token) => authenticator.authenticate(bearer(token))),
    )
    expect(identities.map(({ subject }) => subject)).toEqual(names)
  })

  it.each([
    [{ sources: [] }, 'sources must not be empty'],
    [{ sources: [undefined] }, 'sources must hold sources'],
    [{ sources: [{}] }, 'sources must hold sources'],
    [{ sources: undefined }, 'sources must hold sources'],
    [{ clock: 7 }, 'clock must be a function'],
    [{ onEvent: 'log' }, 'onEvent must be a function'],
  ])('must not have the options %j', (options, message) => {
    expect(() => withOptions(options as never)).toThrow(new TypeError(message))
  })
})

describe('your own source', () => {
  it.each([undefined, null, {}, { subject: 'root' }])(
    'gives no identity when it returns %j',
    async (identity) => {
      const usual = direct({ issuer: people.issuer() })
      const own: Source = { ...usual, identify: async () => identity as never }
      const token = await people.token()
      await expectRefused(
        () => withOptions({ sources: [own] }).authenticate(bearer(token)),
        { code: 'DOWN', reason: 'internal_error' },
        token,
      )
    },
  )
})

describe('the clock', () => {
  it('is asked for every request', async () => {
    let time = now
    const authenticator = withOptions({ clock: () => time })
    const request = bearer(await people.token({ exp: now + 300 }))
    expect(await authenticator.authenticate(request)).toMatchObject({ subject: 'jane' })
    time = now + 330
    await expectRefused(() => authenticator.authenticate(request), {
      code: 'TOK',
      reason: 'expired',
    })
    time = now
    expect(await authenticator.authenticate(request)).toMatchObject({ subject: 'jane' })
  })

  it("is the system's by default", async () => {
    const seconds = Date.now() / 1000
    const sources = [direct({ issuer: people.issuer() })]
    const authenticator = createAuthenticator({ resource, sources })
    const fresh = await people.token({ iat: seconds, exp: seconds + 60 })
    expect(await authenticator.authenticate(bearer(fresh))).toMatchObject({ subject: 'jane' })
    const past = await people.token({ iat: seconds - 600, exp: seconds - 60 })
    await expectRefused(() => authenticator.authenticate(bearer(past)), {
      code: 'TOK',
      reason: 'expired',
    })
  })

  it.each([
    ['NaN', () => Number.NaN],
    ['nothing', () => undefined as never],
    ['text', () => '1800000000' as never],
    ['infinity', () => Number.POSITIVE_INFINITY],
    ['minus infinity', () => Number.NEGATIVE_INFINITY],
    [
      'an error',
      () => {
        throw new Error('no battery')
      },
    ],
  ])('refuses every request when it shows %s', async (_, broken) => {
    const token = await people.token()
    const authenticator = withOptions({ clock: broken })
    await expectRefused(
      () => authenticator.authenticate(bearer(token)),
      { code: 'DOWN', reason: 'internal_error' },
      token,
      canary,
    )
  })
})

describe('onEvent', () => {
  it('is notified of what was accepted and what was refused, and why', async () => {
    const { events, onEvent } = createRecorder()
    const authenticator = withOptions({ onEvent })
    await authenticator.authenticate(bearer(await people.token()))
    await thrownBy(async () => authenticator.authenticate(bearer(await people.token({ aud: 'x' }))))
    await thrownBy(() => authenticator.authenticate({ headers: {} }))
    expect(events.filter(({ type }) => type === 'accepted' || type === 'refused')).toMatchObject([
      { type: 'accepted', source: 'direct' },
      { type: 'refused', code: 'TOK', reason: 'audience' },
      { type: 'refused', code: 'MISSING', reason: 'no_credential' },
    ])
  })

  it('is notified of keys, with their issuer', async () => {
    const { events, onEvent } = createRecorder()
    const gateway = await createGateway()
    const sources = [direct({ issuer: people.issuer() }), direct({ issuer: gateway.issuer() })]
    await withOptions({ sources, onEvent }).ready()
    const loaded = { type: 'keys_loaded', usable: 1, ignored: [] }
    expect(events).toEqual([
      { ...loaded, issuer: peopleIssuer },
      { ...loaded, issuer: gatewayIssuer },
    ])
  })

  it('gets nothing of tokens and claims', async () => {
    const { events, onEvent } = createRecorder()
    const authenticator = withOptions({ onEvent })
    const tokens = [await people.token(), await people.token({ exp: 1, roles: 7, scope: 7 })]
    for (const token of tokens) {
      await authenticator.authenticate(bearer(token)).catch(() => undefined)
    }
    const told = JSON.stringify(events)
    for (const piece of [canary, 'jane', ...tokens.flatMap((token) => token.split('.'))]) {
      expect(told).not.toContain(piece)
    }
  })

  it.each<readonly [string, (event: AuthenticatorEvent) => void]>([
    [
      'throws',
      () => {
        throw new Error('observer')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('observer'))],
  ])('changes nothing when it %s', async (_, onEvent) => {
    const unhandled: unknown[] = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', listener)
    const authenticator = withOptions({ onEvent })
    const token = await people.token()
    expect(await authenticator.authenticate(bearer(token))).toMatchObject({ subject: 'jane' })
    await expectRefused(() => authenticator.authenticate({ headers: {} }), {
      code: 'MISSING',
      reason: 'no_credential',
    })
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })
})

describe('ready', () => {
  const failing = (error: unknown): KeySource => ({
    find: () => Promise.reject(error),
    ready: () => Promise.reject(error),
  })

  it('holds once the keys of every issuer are there', async () => {
    await expect(withOptions().ready()).resolves.toBeUndefined()
  })

  it.each([
    [new Error('no vault'), 'internal_error'],
    [new IdentityError('DOWN', { reason: 'keys_unavailable' }), 'keys_unavailable'],
  ])('fails when those of one are not: %s', async (error, reason) => {
    const iss = 'https://down.example.com'
    const down = direct({ issuer: people.issuer({ iss, keys: failing(error) }) })
    const authenticator = withOptions({ sources: [direct({ issuer: people.issuer() }), down] })
    await expectRefused(() => authenticator.ready(), { code: 'DOWN', reason })
  })
})
