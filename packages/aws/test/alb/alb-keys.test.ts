import { generateKeyPairSync, randomUUID } from 'node:crypto'
import type { AuthenticatorEvent } from '@onbehalf/core'
import { describe, expect, it } from 'vitest'
import { authenticatorOf, flood, issuer, monotonicClock, read, start } from './balancer.ts'

describe('the keys of awsAlb', () => {
  it('refuses a key id that nobody has, and reports it', async () => {
    const { options, assert, fetches } = await start()
    const events: AuthenticatorEvent[] = []
    const kid = randomUUID()
    const refused = read(
      authenticatorOf(options, (event) => events.push(event)),
      assert({}, { kid }),
    )
    await expect(refused).rejects.toMatchObject({ code: 'TOK', reason: 'key_unknown' })
    expect(fetches).toEqual([`/${kid}`])
    expect(events).toMatchObject([
      { type: 'key_unknown', lookedAgain: true, issuer },
      { type: 'refused', code: 'TOK', reason: 'key_unknown' },
    ])
  })

  it('fetches a bounded number of invented key ids, and tells the others to come back', async () => {
    const balancer = await start()
    const clock = monotonicClock()
    const authenticator = authenticatorOf(balancer.options)
    const outcomes = await flood(authenticator, balancer, 150)
    const unknown = outcomes.filter((reason) => reason === 'key_unknown')
    expect(unknown).toHaveLength(100)
    expect(outcomes.filter((reason) => reason === 'key_budget')).toHaveLength(50)
    expect(balancer.fetches).toHaveLength(100)
    await expect(read(authenticator, balancer.assert())).rejects.toMatchObject({
      code: 'DOWN',
      reason: 'key_budget',
      retryAfterSeconds: 1,
    })
    clock.seconds += 1
    await expect(read(authenticator, balancer.assert())).resolves.toMatchObject({ subject: 'ada' })
  })

  it.each([10, 60])('serves a cold server after %i invented key ids', async (times) => {
    const balancer = await start()
    const authenticator = authenticatorOf(balancer.options)
    await flood(authenticator, balancer, times)
    await expect(read(authenticator, balancer.assert())).resolves.toMatchObject({ subject: 'ada' })
  })

  it('refreshes a known key whatever others spend on invented ones', async () => {
    const balancer = await start()
    const clock = monotonicClock()
    const authenticator = authenticatorOf(balancer.options)
    await read(authenticator, balancer.assert())
    for (const age of [1000, 3000, 3700, 90_000]) {
      clock.seconds += age
      await flood(authenticator, balancer, 120)
      await expect(read(authenticator, balancer.assert())).resolves.toMatchObject({
        subject: 'ada',
      })
    }
  })

  it('does not keep a key for one who cannot sign with it', async () => {
    const { options, assert, fetches } = await start()
    const authenticator = authenticatorOf(options)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    await expect(read(authenticator, assert({}, {}, other))).rejects.toMatchObject({
      reason: 'signature',
    })
    await read(authenticator, assert())
    await read(authenticator, assert())
    expect(fetches).toHaveLength(2)
  })

  it('fetches a key once for calls that come at the same time', async () => {
    const { options, assert, fetches } = await start()
    const authenticator = authenticatorOf(options)
    await Promise.all(Array.from({ length: 5 }, () => read(authenticator, assert())))
    expect(fetches).toHaveLength(1)
  })

  it('serves with a known key while its address fails, and reports that', async () => {
    const balancer = await start()
    const clock = monotonicClock()
    const events: AuthenticatorEvent[] = []
    const authenticator = authenticatorOf(balancer.options, (event) => events.push(event))
    await read(authenticator, balancer.assert())
    balancer.answer = { status: 500, body: '' }
    clock.seconds += 3700
    await expect(read(authenticator, balancer.assert())).resolves.toMatchObject({ subject: 'ada' })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'keys_failed', reason: 'status_500', serving: 'stale' }),
    )
    clock.seconds += 100_000
    await expect(read(authenticator, balancer.assert())).rejects.toMatchObject({ code: 'DOWN' })
  })

  it.each([403, 404])('ends a known key when its address answers %i', async (status) => {
    const balancer = await start()
    const clock = monotonicClock()
    const authenticator = authenticatorOf(balancer.options)
    await read(authenticator, balancer.assert())
    balancer.answer = { status, body: '' }
    clock.seconds += 3700
    for (const _again of [1, 2]) {
      await expect(read(authenticator, balancer.assert())).rejects.toMatchObject({
        code: 'TOK',
        reason: 'key_unknown',
      })
    }
  })

  const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  it.each([
    ['fails', 500, ''],
    ['leads elsewhere', 302, ''],
    ['has no key', 200, 'key'],
    [
      'has a private key',
      200,
      otherCurve.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    [
      'has a key of another kind',
      200,
      otherCurve.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    ],
    ['has no end', 200, `-----BEGIN PUBLIC KEY-----${'x'.repeat(5000)}`],
  ])('does not blame the caller when the key server %s', async (_name, status, body) => {
    const { options, assert } = await start({ status, body })
    await expect(read(authenticatorOf(options), assert())).rejects.toMatchObject({
      code: 'DOWN',
      reason: 'keys_unavailable',
    })
  })
})
