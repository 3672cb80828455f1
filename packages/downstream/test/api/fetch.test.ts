import { inspect } from 'node:util'
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
  world.events.length = 0
  world.tokens.received.length = 0
  world.tokens.answer = issueToken
  world.api.received.length = 0
  world.api.answer = (_request, res) => json(res, 200, { ok: true })
})

const sent = (): readonly (string | undefined)[] =>
  world.api.received.map(({ headers }) => headers.authorization)

describe('a request to an API', () => {
  it('carries method, headers and body of the handler, and the token', async () => {
    const downstream = world.create()
    const init = { method: 'POST', headers: { 'x-mine': '1' }, body: '{"a":1}' }
    await downstream.ledger.fetch(await world.as('ada'), '/invoices', init)
    expect(world.api.received[0]).toMatchObject({
      method: 'POST',
      path: '/v1/invoices',
      body: '{"a":1}',
      headers: { 'x-mine': '1', authorization: expect.stringMatching(/^Bearer api-token-\d+$/) },
    })
  })

  it.each(['authorization', 'Cookie', 'proxy-authorization', 'Host', 'X-Forwarded-Host'])(
    'is refused with its own credential or host: %s',
    async (name) => {
      const downstream = world.create()
      const init = { headers: { [name]: 'x' } }
      const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me', init))
      expect(error).toMatchObject({ code: 'TARGET', reason: 'header_not_allowed' })
      expect([...world.api.received, ...world.tokens.received]).toEqual([])
    },
  )

  it.each([301, 302, 303, 307, 308])('is refused when it is redirected: %i', async (status) => {
    world.api.answer = ({ path }, res) => {
      if (path === '/v1/elsewhere') return json(res, 200, {})
      res.writeHead(status, { location: '/v1/elsewhere' }).end()
    }
    const downstream = world.create()
    const init = { redirect: 'follow' } as const
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me', init))
    expect(error).toMatchObject({ code: 'TARGET', reason: 'redirect' })
    expect(world.api.received).toHaveLength(1)
  })

  it('is given up when the API is silent', async () => {
    world.api.answer = () => undefined
    const downstream = world.create({ timeoutSeconds: 0.2 })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'DOWN', reason: 'api_timeout' })
  })

  it('ends with what its own signal says', async () => {
    world.api.answer = () => undefined
    const downstream = world.create()
    const signal = AbortSignal.timeout(100)
    const call = downstream.ledger.fetch(await world.as('ada'), '/me', { signal })
    await expect(call).rejects.toThrow(expect.objectContaining({ name: 'TimeoutError' }))
  })

  it('is refused when nothing listens, without a word about what was sent', async () => {
    const downstream = world.create({ baseUrl: 'http://127.0.0.1:1' })
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'DOWN', reason: 'api_unreachable' })
    expect(error.cause).toBeUndefined()
  })
})

describe('an API that refuses a token', () => {
  const refuseFirst = (count: number, challenge = 'Bearer error="invalid_token"'): void => {
    let left = count
    world.api.answer = (_request, res) => {
      left -= 1
      if (left >= 0) return json(res, 401, {}, { 'www-authenticate': challenge })
      json(res, 200, { ok: true })
    }
  }

  it('gets a kept one only once, and a new one after it', async () => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await downstream.ledger.fetch(ada, '/me')
    refuseFirst(1)
    expect((await downstream.ledger.fetch(ada, '/me')).status).toBe(200)
    const [first, second, third] = sent()
    expect(first).toBe(second)
    expect(third).not.toBe(second)
    expect(world.tokens.received).toHaveLength(2)
    await downstream.ledger.fetch(ada, '/me')
    expect(sent().at(-1)).toBe(third)
  })

  it('is asked exactly once more', async () => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await downstream.ledger.fetch(ada, '/me')
    refuseFirst(10)
    expect((await downstream.ledger.fetch(ada, '/me')).status).toBe(401)
    expect(world.api.received).toHaveLength(3)
    expect(world.tokens.received).toHaveLength(2)
  })

  it('is not asked again after a token that was new', async () => {
    const downstream = world.create()
    refuseFirst(10)
    expect((await downstream.ledger.fetch(await world.as('ada'), '/me')).status).toBe(401)
    expect(world.api.received).toHaveLength(1)
  })

  it('is not asked again with a stream, which is gone', async () => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await downstream.ledger.fetch(ada, '/me')
    refuseFirst(10)
    const body = new Blob(['a']).stream()
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await downstream.ledger.fetch(ada, '/me', init)).status).toBe(401)
    expect(world.api.received).toHaveLength(2)
  })

  it.each([
    ['text', 'a=1'],
    ['a form', new URLSearchParams({ a: '1' })],
    ['bytes', new TextEncoder().encode('a=1')],
    ['a blob', new Blob(['a=1'])],
  ])('is asked again with the same body: %s', async (_kind, body) => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await downstream.ledger.fetch(ada, '/me')
    refuseFirst(1)
    await downstream.ledger.fetch(ada, '/me', { method: 'POST', body })
    expect(world.api.received.slice(1).map((it) => it.body)).toEqual(['a=1', 'a=1'])
  })

  it('costs one exchange for all calls that meet the refusal', async () => {
    const downstream = world.create()
    const ada = await world.as('ada')
    await downstream.ledger.fetch(ada, '/me')
    const [old] = sent()
    world.api.answer = ({ headers }, res) =>
      json(res, headers.authorization === old ? 401 : 200, {})
    const calls = Array.from({ length: 20 }, () => downstream.ledger.fetch(ada, '/me'))
    const answers = await Promise.all(calls)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(world.tokens.received).toHaveLength(2)
  })

  it('passes its claims challenge on to the authorization server', async () => {
    const downstream = world.create(world.entra())
    const claims = JSON.stringify({ access_token: { nbf: { essential: true } } })
    refuseFirst(1, `Bearer error="insufficient_claims", claims="${btoa(claims)}"`)
    const answer = await downstream.ledger.fetch(await world.as('ada'), '/me')
    expect(answer.status).toBe(200)
    expect(world.tokens.received.map(({ form }) => form.get('claims'))).toEqual([null, claims])
  })

  it('asks for a stronger sign-in (RFC 9470)', async () => {
    refuseFirst(
      1,
      'Bearer error="insufficient_user_authentication", error_description="sign in, \\"again\\"", acr_values="mfa phr", max_age=300',
    )
    const downstream = world.create()
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'STEP_UP', acrValues: ['mfa', 'phr'], maxAgeSeconds: 300 })
    expect(world.api.received).toHaveLength(1)
  })

  it('names the scopes that are missing', async () => {
    world.api.answer = (_request, res) =>
      json(res, 403, {}, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="a b"' })
    const downstream = world.create()
    const error = await refusalOf(downstream.ledger.fetch(await world.as('ada'), '/me'))
    expect(error).toMatchObject({ code: 'SCOPE', reason: 'insufficient_scope', scopes: ['a', 'b'] })
  })

  it('may answer 403 for its own reasons', async () => {
    world.api.answer = (_request, res) => json(res, 403, { error: 'not_yours' })
    const answer = await world.create().ledger.fetch(await world.as('ada'), '/me')
    expect([answer.status, await answer.json()]).toEqual([403, { error: 'not_yours' }])
  })
})

describe('an API that is busy', () => {
  const busyFirst = (
    count: number,
    headers: object = { 'retry-after': '0' },
    status = 429,
  ): void => {
    let left = count
    world.api.answer = (_request, res) => {
      left -= 1
      json(res, left >= 0 ? status : 200, {}, left >= 0 ? headers : {})
    }
  }

  it.each([429, 503])('is asked again for what may be repeated: %i', async (status) => {
    busyFirst(2, { 'retry-after': '0' }, status)
    expect((await world.create().ledger.fetch(await world.as('ada'), '/me')).status).toBe(200)
    expect(world.api.received).toHaveLength(3)
  })

  it('is not asked again by POST', async () => {
    busyFirst(1)
    const init = { method: 'POST', body: 'x' }
    expect((await world.create().ledger.fetch(await world.as('ada'), '/me', init)).status).toBe(429)
    expect(world.api.received).toHaveLength(1)
  })

  it('is left alone when it asks for a longer pause', async () => {
    busyFirst(1, { 'retry-after': '60' })
    expect((await world.create().ledger.fetch(await world.as('ada'), '/me')).status).toBe(429)
    expect(world.api.received).toHaveLength(1)
  })
})

describe('a token', () => {
  it('is not handed out unless the API allows it', async () => {
    const ada = await world.as('ada')
    await expect(world.create().ledger.token(ada)).rejects.toThrow('allowTokenAccess is not set')
  })

  it('shows itself only to those who ask', async () => {
    const token = await world.create({ allowTokenAccess: true }).ledger.token(await world.as('ada'))
    expect(token.reveal()).toMatch(/^api-token-\d+$/)
    const seen = [
      inspect(token, { showHidden: true, depth: 9 }),
      JSON.stringify({ token }),
      String(token),
      String(Object.values(token)),
    ].join()
    expect(seen).not.toContain(token.reveal())
    expect(seen).toContain('[AccessToken ledger]')
  })

  it('names what went wrong to the handler, and who said it to the operator alone', async () => {
    const description =
      'AADSTS65001: ada@example.com has not consented. Trace eyJhbGciOiJSUzI1NiIsIng1dCI6.abc'
    world.tokens.answer = failWith('consent_required', { error_description: description })
    const ada = await world.as('ada')
    const error = await refusalOf(world.create().ledger.fetch(ada, '/me'))
    expect(error.message).toBe('The user has to give consent first (ledger: consent_required).')
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('AADSTS')
    expect(world.events).toMatchObject([
      {
        type: 'refused',
        api: 'ledger',
        code: 'CONSENT',
        reason: 'consent_required',
        identity: { subject: 'ada' },
        answered: { error: 'consent_required', status: 400 },
        description: 'AADSTS65001: ada@example.com has not consented. Trace ...',
      },
    ])
  })
})
