import {
  type Authenticator,
  type AuthenticatorEvent,
  type BackChannelLogoutOptions,
  backChannelLogout,
  type Claims,
  createAuthenticator,
  direct,
  issuer,
  memoryStore,
  type SigningIssuer,
  type Store,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSigner, type Signer, unsigned } from '../support/signer.ts'
import { now, peopleIssuer, personClaims, resource } from '../support/world.ts'
import { serve } from './logout-server.ts'

const clientId = 'mcp-server'
const staffIssuer = 'https://staff.example.com'
const event = 'http://schemas.openid.net/event/backchannel-logout'
const form = 'application/x-www-form-urlencoded'

let signer: Signer
let people: SigningIssuer
let staff: SigningIssuer

beforeAll(async () => {
  signer = await createSigner('people-key')
  const usual = {
    audience: resource,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks: signer.jwks },
  } as const
  people = issuer({ iss: peopleIssuer, ...usual })
  staff = issuer({ iss: staffIssuer, ...usual })
})

/** Claims of a sound logout token (section 2.4), and these. */
function logoutClaims(changes: Claims = {}): Claims {
  return {
    iss: peopleIssuer,
    aud: clientId,
    iat: now,
    exp: now + 120,
    jti: 'logout-1',
    events: { [event]: {} },
    sid: 's-1',
    ...changes,
  }
}

function logoutToken(changes: Claims = {}, header: object = {}): Promise<string> {
  return signer.sign(logoutClaims(changes), { typ: 'logout+jwt', ...header })
}

interface World {
  readonly authenticator: Authenticator<unknown>
  readonly url: string
  readonly events: readonly AuthenticatorEvent[]
  readonly setTime: (seconds: number) => void
  /** Posts a logout token: the status, and the reason that the operator is notified. */
  readonly post: (token: string) => Promise<readonly [status: number, reason: string | undefined]>
  /** The subject of an access token with these claims, or the reason why it is refused. */
  readonly verdict: (claims?: Claims) => Promise<string>
}

async function start(options: Partial<BackChannelLogoutOptions> = {}): Promise<World> {
  let time = now
  const clock = (): number => time
  const events: AuthenticatorEvent[] = []
  const authenticator = createAuthenticator({
    resource,
    sources: [direct({ issuer: people })],
    revocations: memoryStore(),
    clock,
  })
  const { url } = await serve(
    backChannelLogout({
      authenticator,
      issuer: people,
      audience: clientId,
      store: memoryStore({ monotonic: clock }),
      clock,
      onEvent: (told) => void events.push(told),
      ...options,
    }),
  )
  return {
    authenticator,
    url,
    events,
    setTime: (seconds) => {
      time = seconds
    },
    post: async (token) => {
      const told = events.length
      const body = new URLSearchParams({ logout_token: token })
      const { status } = await fetch(url, { method: 'POST', body })
      const refused = events.slice(told).find(({ type }) => type === 'refused')
      return [status, (refused as { reason: string } | undefined)?.reason]
    },
    verdict: async (claims) => {
      const headers = { authorization: `Bearer ${await signer.sign(personClaims(claims))}` }
      return authenticator.authenticate({ headers }).then(
        ({ subject }) => subject,
        (error: { reason: string }) => error.reason,
      )
    },
  }
}

describe('a logout token', () => {
  it('ends a session, and no other', async () => {
    const { post, verdict } = await start()
    expect(await verdict({ sid: 's-1' })).toBe('jane')
    expect(await post(await logoutToken())).toEqual([200, undefined])
    expect(await verdict({ sid: 's-1' })).toBe('revoked')
    expect(await verdict({ sid: 's-2' })).toBe('jane')
    expect(await verdict()).toBe('jane')
  })

  it('of a subject ends all of its sessions, until the next sign-in', async () => {
    const { post, verdict, setTime } = await start()
    expect(await post(await logoutToken({ sid: undefined, sub: 'jane' }))).toEqual([200, undefined])
    expect(await verdict({ sid: 's-1' })).toBe('revoked')
    expect(await verdict()).toBe('revoked')
    expect(await verdict({ sub: 'joe' })).toBe('joe')
    setTime(now + 60)
    expect(await verdict({ iat: now + 30 })).toBe('jane')
  })

  it('of both ends the session, and what the subject has without one', async () => {
    const { post, verdict } = await start()
    expect(await post(await logoutToken({ sub: 'jane' }))).toEqual([200, undefined])
    expect(await verdict({ sid: 's-1' })).toBe('revoked')
    expect(await verdict()).toBe('revoked')
    expect(await verdict({ sid: 's-2' })).toBe('jane')
    expect(await verdict({ sub: 'joe' })).toBe('joe')
  })

  const accepted: readonly (readonly [string, Claims, object])[] = [
    ['typed as a media type', {}, { typ: 'application/logout+jwt' }],
    ['typed in capitals', {}, { typ: 'Logout+JWT' }],
    ['typed as JWT', {}, { typ: 'JWT' }],
    ['of no type', {}, { typ: undefined }],
    ['for several audiences', { aud: ['other', clientId] }, {}],
    ['with more events', { events: { [event]: {}, other: {} } }, {}],
    ['with members in its event', { events: { [event]: { reason: 'x' } } }, {}],
    ['that took its time', { iat: now - 300 }, {}],
    ['by a clock that is a little ahead', { iat: now + 30 }, {}],
  ]
  it.each(accepted)('is accepted %s', async (_form, claims, header) => {
    const { post, verdict } = await start()
    expect(await post(await logoutToken(claims, header))).toEqual([200, undefined])
    expect(await verdict({ sid: 's-1' })).toBe('revoked')
  })

  const refused: readonly (readonly [string, Claims, string, object?])[] = [
    ['typed as an access token', {}, 'logout_type', { typ: 'at+jwt' }],
    ['typed as a proof', {}, 'logout_type', { typ: 'dpop+jwt' }],
    ['typed as another event', {}, 'logout_type', { typ: 'secevent+jwt' }],
    ['with an empty type', {}, 'logout_type', { typ: '' }],
    ['of another issuer', { iss: 'https://other.example.com' }, 'issuer'],
    ['of an issuer with a slash', { iss: `${peopleIssuer}/` }, 'issuer'],
    ['of no issuer', { iss: undefined }, 'issuer'],
    ['for another client', { aud: 'other' }, 'logout_audience'],
    ['for the resource', { aud: resource }, 'logout_audience'],
    ['for no client', { aud: undefined }, 'logout_audience'],
    ['for clients in one text', { aud: `other ${clientId}` }, 'logout_audience'],
    ['for nested clients', { aud: [[clientId]] }, 'logout_audience'],
    ['without iat', { iat: undefined }, 'logout_iat'],
    ['with iat as text', { iat: String(now) }, 'bad_iat'],
    ['that is too old', { iat: now - 301 }, 'logout_iat'],
    ['from the future', { iat: now + 31 }, 'logout_iat'],
    ['without exp', { exp: undefined }, 'logout_exp'],
    ['that expired', { exp: now - 30 }, 'expired'],
    ['that has not begun', { nbf: now + 31 }, 'not_yet_valid'],
    ['without jti', { jti: undefined }, 'logout_jti'],
    ['with an empty jti', { jti: '' }, 'logout_jti'],
    ['with a number as jti', { jti: 1 }, 'logout_jti'],
    ['without events', { events: undefined }, 'logout_event'],
    ['with another event', { events: { 'http://other.example': {} } }, 'logout_event'],
    ['with the event as a list', { events: [event] }, 'logout_event'],
    ['with the event as text', { events: { [event]: 'x' } }, 'logout_event'],
    ['with the event as null', { events: { [event]: null } }, 'logout_event'],
    ['with events as text', { events: event }, 'logout_event'],
    ['with a nonce', { nonce: 'n' }, 'logout_nonce'],
    ['with a nonce of null', { nonce: null }, 'logout_nonce'],
    ['of nobody', { sid: undefined }, 'logout_subject'],
    ['of an empty session', { sid: '' }, 'logout_subject'],
    ['of a session that is a number', { sid: 1, sub: 'jane' }, 'logout_subject'],
    ['of a subject that is null', { sub: null }, 'logout_subject'],
    ['signed with another algorithm', {}, 'algorithm', { alg: 'RS256' }],
    ['signed with nothing', {}, 'malformed_algorithm', { alg: 'none' }],
    ['signed with a secret', {}, 'malformed_algorithm', { alg: 'HS256' }],
    ['of an unknown key', {}, 'key_unknown', { kid: 'other' }],
    ['with a critical header', {}, 'malformed_header_member', { crit: ['x'] }],
  ]
  const complete = refused.map(([form, claims, reason, header = {}]) => {
    return [form, claims, reason, header] as const
  })
  it.each(complete)('is refused %s', async (_form, claims, reason, header) => {
    const { post, verdict } = await start()
    expect(await post(await logoutToken(claims, header))).toEqual([400, reason])
    expect(await verdict({ sid: 's-1' })).toBe('jane')
  })

  it.each<readonly [string, Claims, object]>([
    ['its audience', { aud: 'other' }, { claim: 'aud', expected: [clientId] }],
    ['its nonce', { nonce: 'n' }, { claim: 'nonce' }],
    ['its subject', { sub: 7 }, { claim: 'sub' }],
    ['its session', { sid: 7 }, { claim: 'sid' }],
    ['its issuer', { iss: 'https://other.example' }, { claim: 'iss', expected: [peopleIssuer] }],
  ])('is refused with what was expected of %s, under an id', async (_, claims, detail) => {
    const { url, events } = await start()
    const body = new URLSearchParams({ logout_token: await logoutToken(claims) })
    const { headers } = await fetch(url, { method: 'POST', body })
    expect(events.at(-1)).toMatchObject({
      type: 'refused',
      failure: { issuer: peopleIssuer, ...detail },
      requestId: headers.get('x-request-id'),
    })
    expect(JSON.stringify(events)).not.toContain('other')
  })

  it('is refused when another party signed it', async () => {
    const { post } = await start()
    const stranger = await createSigner('people-key')
    const token = await stranger.sign(logoutClaims(), { typ: 'logout+jwt' })
    expect(await post(token)).toEqual([400, 'signature'])
    const nobody = unsigned({ alg: 'ES256', kid: 'people-key', typ: 'logout+jwt' }, logoutClaims())
    expect(await post(nobody)).toEqual([400, 'signature'])
  })

  it('is refused when it is an access token', async () => {
    const { post } = await start()
    expect(await post(await signer.sign(personClaims({ aud: clientId })))).toEqual([
      400,
      'logout_type',
    ])
    const untyped = await signer.sign(personClaims({ aud: clientId }), { typ: undefined })
    expect(await post(untyped)).toEqual([400, 'logout_event'])
  })

  it('is refused when it is an ID token', async () => {
    const { post } = await start()
    const claims = { iss: peopleIssuer, aud: clientId, sub: 'jane', sid: 's-1', nonce: 'n' }
    const idToken = await signer.sign({ ...claims, iat: now, exp: now + 300 }, { typ: 'JWT' })
    expect(await post(idToken)).toEqual([400, 'logout_event'])
  })

  it('is not an access token', async () => {
    const { verdict } = await start()
    expect(await verdict(logoutClaims({ aud: resource, sub: 'jane' }))).toBe('token_type')
  })

  it.each([
    ['', 'opaque_token'],
    ['x', 'opaque_token'],
    ['a.b', 'opaque_token'],
    ['a.b.c.d.e', 'opaque_token'],
    ['x'.repeat(20_000), 'malformed_size'],
  ])('is refused when it is not a token: %.9s', async (token, reason) => {
    expect(await (await start()).post(token)).toEqual([400, reason])
  })
})

describe('a logout token that was used', () => {
  it('is refused, so that it does not end later sign-ins', async () => {
    const { post, verdict, setTime } = await start()
    const token = await logoutToken({ sid: undefined, sub: 'jane' })
    expect(await post(token)).toEqual([200, undefined])
    setTime(now + 60)
    expect(await post(token)).toEqual([400, 'logout_replayed'])
    expect(await verdict({ iat: now + 30 })).toBe('jane')
  })

  it('is refused by another process that shares the store', async () => {
    const store = memoryStore()
    const [first, second] = [await start({ store }), await start({ store })]
    const token = await logoutToken()
    expect(await first.post(token)).toEqual([200, undefined])
    expect(await second.post(token)).toEqual([400, 'logout_replayed'])
  })

  it('is remembered for as long as it could be accepted', async () => {
    const { post, setTime } = await start()
    const token = await logoutToken({ iat: now + 30, exp: now + 3_600 })
    expect(await post(token)).toEqual([200, undefined])
    setTime(now + 330)
    expect(await post(token)).toEqual([400, 'logout_replayed'])
    setTime(now + 331)
    expect(await post(token)).toEqual([400, 'logout_iat'])
  })

  it('does not count as another one', async () => {
    const { post } = await start()
    expect(await post(await logoutToken({ jti: 'a' }))).toEqual([200, undefined])
    expect(await post(await logoutToken({ jti: 'b' }))).toEqual([200, undefined])
  })

  it.each(['store', 'revocations'])(
    'is accepted from an issuer while another one floods the %s',
    async (flooded) => {
      const revocations = memoryStore(flooded === 'revocations' ? { maxEntries: 4 } : {})
      const sources = [direct({ issuer: people }), direct({ issuer: staff })]
      const authenticator = createAuthenticator({
        resource,
        sources,
        revocations,
        clock: () => now,
      })
      const store = memoryStore(flooded === 'store' ? { maxEntries: 4 } : {})
      const of = (signs: SigningIssuer) => start({ authenticator, store, issuer: signs })
      const [first, second] = [await of(people), await of(staff)]
      for (const id of ['a', 'b', 'c']) await first.post(await logoutToken({ jti: id, sid: id }))
      expect(await first.post(await logoutToken({ jti: 'd', sid: 'd' }))).toEqual([
        503,
        'store_unavailable',
      ])
      expect(await second.post(await logoutToken({ iss: staffIssuer }))).toEqual([200, undefined])
    },
  )

  it('does not count as used when its logout could not be kept', async () => {
    let down = true
    const inner = memoryStore()
    const set: Store['set'] = (...entry) =>
      down ? Promise.reject(new Error('no connection')) : inner.set(...entry)
    const authenticator = createAuthenticator({
      resource,
      sources: [direct({ issuer: people })],
      revocations: { ...inner, set },
      clock: () => now,
    })
    const { post } = await start({ authenticator })
    const token = await logoutToken()
    expect(await post(token)).toEqual([503, 'store_unavailable'])
    down = false
    expect(await post(token)).toEqual([200, undefined])
    expect(await post(token)).toEqual([400, 'logout_replayed'])
  })
})

describe('the endpoint for logout tokens', () => {
  async function send(url: string, init: RequestInit): Promise<Response> {
    return fetch(url, { method: 'POST', ...init })
  }

  it('answers as section 2.8 says', async () => {
    const { url } = await start()
    const good = await send(url, {
      body: new URLSearchParams({ logout_token: await logoutToken() }),
    })
    expect([good.status, good.headers.get('cache-control'), await good.text()]).toEqual([
      200,
      'no-store',
      '',
    ])
    const bad = await send(url, { body: new URLSearchParams({ logout_token: 'x' }) })
    expect([bad.status, bad.headers.get('cache-control'), await bad.text()]).toEqual([
      400,
      'no-store',
      '',
    ])
  })

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('does not take %s', async (method) => {
    const { url, verdict } = await start()
    const answer = await send(`${url}?logout_token=${await logoutToken()}`, { method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    expect(await verdict({ sid: 's-1' })).toBe('jane')
  })

  it('does not take a token from the query', async () => {
    const { url } = await start()
    const headers = { 'content-type': form }
    const answer = await send(`${url}?logout_token=${await logoutToken()}`, { headers, body: '' })
    expect(answer.status).toBe(400)
  })

  it.each([
    ['of another type', 'text/plain'],
    ['of a type that only begins like a form', `${form}x`],
    ['of JSON', 'application/json'],
  ])('does not take a body %s', async (_form, type) => {
    const { url, events } = await start()
    const body = `logout_token=${await logoutToken()}`
    const answer = await send(url, { headers: { 'content-type': type }, body })
    expect(answer.status).toBe(400)
    expect(events.at(-1)).toMatchObject({ reason: 'logout_request' })
  })

  it.each([`${form};charset=UTF-8`, `${form} ; charset=utf-8`, form.toUpperCase()])(
    'takes a body of the type %s',
    async (type) => {
      const { url } = await start()
      const body = `logout_token=${await logoutToken()}`
      expect((await send(url, { headers: { 'content-type': type }, body })).status).toBe(200)
    },
  )

  it('does not take two tokens, not even the same', async () => {
    const { url } = await start()
    const token = await logoutToken()
    const headers = { 'content-type': form }
    const body = `logout_token=${token}&logout_token=${token}`
    expect((await send(url, { headers, body })).status).toBe(400)
  })

  it.each([
    ['without a token', 'other=1'],
    ['that is empty', ''],
    ['that is too large', `logout_token=x&pad=${'x'.repeat(40_000)}`],
  ])('does not take a body %s', async (_form, body) => {
    const { url, events } = await start()
    const answer = await send(url, { headers: { 'content-type': form }, body })
    expect(answer.status).toBe(400)
    expect(events.at(-1)).toMatchObject({ type: 'refused', code: 'TOK', reason: 'logout_request' })
  })

  it('stops reading a body that does not end', async () => {
    const { url } = await start()
    let sent = 0
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1
        controller.enqueue(new Uint8Array(16_384).fill(120))
        if (sent > 2_000) controller.close()
      },
    })
    const init = { headers: { 'content-type': form }, body: endless, duplex: 'half' }
    const status = await send(url, init as RequestInit).then(
      (answer) => answer.status,
      () => 400,
    )
    expect(status).toBe(400)
    expect(sent).toBeLessThan(2_000)
  })

  it.each(['get', 'add'] as const)('is unavailable while its store fails: %s', async (name) => {
    const store = { ...memoryStore(), [name]: () => Promise.reject(new Error('no connection')) }
    const { post, url } = await start({ store })
    expect(await post(await logoutToken())).toEqual([503, 'store_unavailable'])
    const again = { body: new URLSearchParams({ logout_token: await logoutToken() }) }
    expect((await send(url, again)).headers.get('retry-after')).toBe('5')
  })

  it('is unavailable while the keys cannot be loaded', async () => {
    const keys = { jwksUri: 'http://127.0.0.1:9/jwks' }
    const unreachable = issuer({
      iss: peopleIssuer,
      audience: resource,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys,
    })
    const { post, events } = await start({ issuer: unreachable })
    expect((await post(await logoutToken()))[0]).toBe(503)
    expect(events[0]).toMatchObject({ type: 'keys_failed', issuer: peopleIssuer })
  })

  it('asks for no key because of a token that is wrong anyway', async () => {
    const keys = { jwksUri: 'http://127.0.0.1:9/jwks' }
    const unreachable = issuer({
      iss: peopleIssuer,
      audience: resource,
      kind: 'by-client',
      algorithms: ['ES256'],
      keys,
    })
    const { post } = await start({ issuer: unreachable })
    expect(await post(await logoutToken({ aud: 'other' }))).toEqual([400, 'logout_audience'])
    expect(await post(await logoutToken({ iss: 'https://other.example.com' }))).toEqual([
      400,
      'issuer',
    ])
  })

  it('refuses while its clock shows no time', async () => {
    const { post } = await start({ clock: () => Number.NaN })
    expect(await post(await logoutToken())).toEqual([503, 'internal_error'])
  })

  it('does not mind what its observer throws', async () => {
    const onEvent = (): never => {
      throw new Error('observer')
    }
    const { url } = await start({ onEvent })
    const answer = await send(url, { body: new URLSearchParams({ logout_token: 'x' }) })
    expect(answer.status).toBe(400)
  })

  it.each([
    [{ audience: '' }, 'audience is required'],
    [{ store: undefined as unknown as Store }, 'store is required'],
  ])('is configured strictly: %o', (options, message) => {
    const authenticator = { revoke: () => Promise.resolve() }
    const sound = { authenticator, issuer: people, audience: clientId, store: memoryStore() }
    expect(() => backChannelLogout({ ...sound, ...options })).toThrow(new TypeError(message))
  })
})
