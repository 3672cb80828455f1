import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWorld, failWith, issueToken, refusalOf, type World } from '../support/scripted.ts'
import { json } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(() => {
  world.ahead = 0
  world.tokens.received.length = 0
})

const asked = (): number => world.tokens.received.length

describe('an authorization server that refused', () => {
  it.each(['consent_required', 'insufficient_scope', 'invalid_grant', 'access_denied'])(
    'is asked once more, and then after pauses: %s',
    async (error) => {
      const { ledger } = world.create()
      const ada = await world.as('ada', { jti: error })
      world.tokens.answer = failWith(error)
      const reasons: string[] = []
      for (let call = 0; call < 6; call += 1) {
        reasons.push((await refusalOf(ledger.fetch(ada, '/me'))).reason)
      }
      expect(asked()).toBe(2)
      expect(new Set(reasons).size).toBe(1)
      world.ahead = 2
      await refusalOf(ledger.fetch(ada, '/me'))
      await refusalOf(ledger.fetch(ada, '/me'))
      expect(asked()).toBe(3)
      world.ahead = 10
      world.tokens.answer = issueToken
      expect((await ledger.fetch(ada, '/me')).status).toBe(200)
    },
  )

  it('is asked at once with another token of the user, and for others', async () => {
    const { ledger } = world.create()
    world.tokens.answer = failWith('consent_required')
    const ada = await world.as('ada', { jti: 'first' })
    for (let call = 0; call < 4; call += 1) await refusalOf(ledger.fetch(ada, '/me'))
    world.tokens.answer = issueToken
    expect((await ledger.fetch(await world.as('bob'), '/me')).status).toBe(200)
    expect((await ledger.fetch(await world.as('ada', { jti: 'second' }), '/me')).status).toBe(200)
  })
})

describe('a token endpoint that is out of reach', () => {
  it('is left alone for as long as it asks', async () => {
    const { ledger } = world.create()
    world.tokens.answer = (_request, res) => json(res, 429, {}, { 'retry-after': '20' })
    const first = await refusalOf(ledger.fetch(await world.as('ada'), '/me'))
    expect(first).toMatchObject({ code: 'DOWN', retryAfterSeconds: 20 })
    world.tokens.answer = issueToken
    const second = await refusalOf(ledger.fetch(await world.as('bob'), '/me'))
    expect(second).toMatchObject({ code: 'DOWN', reason: 'token_endpoint_unavailable' })
    expect(second.retryAfterSeconds).toBeGreaterThan(0)
    expect(asked()).toBe(1)
  })

  it('does not keep kept tokens from serving', async () => {
    const { ledger } = world.create()
    world.tokens.answer = issueToken
    const ada = await world.as('ada')
    await ledger.fetch(ada, '/me')
    world.tokens.answer = (_request, res) => json(res, 503, {}, { 'retry-after': '20' })
    await refusalOf(ledger.fetch(await world.as('bob'), '/me'))
    expect((await ledger.fetch(ada, '/me')).status).toBe(200)
  })
})
