import { inspect } from 'node:util'
import { createAuthenticator, direct, issuer } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import type { DecisionEvent, ServerEvent } from '@onbehalf/mcp'
import { describe, expect, it, onTestFinished } from 'vitest'
import { expectAccepted, expectRefused, refusals } from './support/expect-refused.ts'
import { frameworks, type Mount } from './support/frameworks.ts'
import { assertion, gatewaySecret, startPlainHeaders } from './support/gateway.ts'
import { allAwkwardTexts, hostileTexts, printableLine } from './support/hostile-text.ts'
import { type Answer, listen, sendLines } from './support/http.ts'
import { startKeyServer } from './support/key-server.ts'
import { createKey, signWith } from './support/keys.ts'
import { outcomeOf, startToolServer } from './support/mcp-server.ts'
import { audience, issuerName, now, resource } from './support/names.ts'
import { bearer, startDirect } from './support/server.ts'
import { type Changes, mint } from './support/token.ts'
import { failOnUnhandled } from './support/unhandled.ts'

const key = createKey('ES256')
const stranger = createKey('ES256')
const good = bearer(mint(key))
const oneLine = { compact: true, breakLength: Number.POSITIVE_INFINITY }

failOnUnhandled()

describe.each(frameworks)('G1 header injection on %s', (_framework, mount) => {
  it.each(hostileTexts)(
    'G1 answers every invalid token with the same bytes, whatever it contains: %s',
    async (_name, text) => {
      const server = await serve(mount)
      const plain = await server.send(mint(key, { claims: { exp: now - 3600 } }))
      expect(plain).toEqual(refusals.TOK)
      for (const token of badTokens(text)) expect(await server.send(token)).toEqual(plain)
      expect(server.handled()).toBe(0)
      expect((await server.send(mint(key))).status).toBe(200)
    },
  )

  it('G1 answers without a token as it would any other caller', async () => {
    const server = await serve(mount)
    expect(await sendLines(server.port, [['x-kid', 'x"']])).toEqual(refusals.MISSING)
    const query = await sendLines(server.port, [], '/mcp?access_token=x"&x=%0d%0aset-cookie:%20a=b')
    expect(query).toEqual(refusals.REQ)
  })
})

it('G1 keeps the header whole whatever the operator calls a scope', async () => {
  const scopes = ['a"b', 'c\\d', 'e\r\nx-injected: 1', 'f\u2713', 'g']
  const server = await startDirect(key, { scopes }, { good: undefined as never })
  const answer = await server.send(bearer(mint(key, { claims: { scope: 'g' } })))
  expect(answer.headers.map(([name]) => name)).toEqual([
    'content-type',
    'cache-control',
    'www-authenticate',
  ])
  expect(answer.headers[2]?.[1]).toMatch(
    /^Bearer error="insufficient_scope", error_description="[^"\\]+", scope="ab cd ex-injected: 1 f g", /,
  )
})

/** Tokens that carry a text wherever one can stand, and fail in every way a token can. */
function badTokens(text: string): readonly string[] {
  const claims: Changes = { sub: text, jti: text, client_id: text, scope: text, x: text }
  const forged = signWith(stranger)
  return [
    mint(key, { header: { kid: text } }),
    mint(key, { header: { typ: text } }),
    mint(key, { header: { alg: text } }),
    mint(key, { header: { x: text, [text]: text }, sign: forged }),
    mint(key, { header: { kid: text }, claims, sign: forged }),
    mint(key, { claims: { iss: text } }),
    mint(key, { claims: { aud: text } }),
    mint(key, { claims: { ...claims, exp: now - 3600 } }),
    mint(key, { claims: { ...claims, nbf: now + 3600 } }),
    mint(key, { claims: { ...claims, [text]: 1 }, sign: forged }),
    mint(key, { claims: { ...claims, nonce: text } }),
    mint(key, { claims: { act: { sub: { text } } } }),
  ]
}

async function serve(mount: Mount) {
  const trusted = issuer({
    iss: issuerName,
    audience,
    kind: 'by-client',
    algorithms: ['ES256'],
    keys: { jwks: { keys: [key.jwk] } },
  })
  const sources = [direct({ issuer: trusted })]
  const authenticator = createAuthenticator({ resource, clock: () => now, sources })
  let handled = 0
  const app = mount(authenticator, () => {
    handled += 1
  })
  const { port, close } = await listen(app, { maxHeaderSize: 1 << 18 })
  onTestFinished(close)
  const send = (token: string): Promise<Answer> => sendLines(port, bearer(token))
  return { port, send, handled: () => handled }
}

describe('G2 log injection', () => {
  const texts = allAwkwardTexts()
  const roomy = { http: { maxHeaderSize: 1 << 18 }, good: undefined as never }

  it('G2 keeps an awkward subject and name exactly, and writes them on no line', async () => {
    const server = await startDirect(key, {}, roomy)
    for (const awkward of texts) {
      // Five copies have to fit into one token.
      const text = awkward.slice(0, 1000)
      const claims = { sub: text, org_id: 'acme', org_name: text, roles: [text], jti: text }
      if (text === '') {
        const expected = { code: 'TOK', reason: 'subject' } as const
        await expectRefused(server, bearer(mint(key, { claims })), expected)
        continue
      }
      const answer = await server.send(bearer(mint(key, { claims })))
      const facts = { subject: text, organization: { name: text }, tokenId: text }
      expect(server.handled.at(-1)).toMatchObject(facts)
      expect(JSON.parse(answer.body)).toMatchObject(JSON.parse(JSON.stringify(facts)) as object)
      const info = createAuthInfo(server.handled.at(-1) as never, server.authenticator)
      expect(JSON.parse(JSON.stringify(info)).extra.sub).toBe(text)
    }
    expectLines(server.events)
  })

  it('G2 writes an awkward key id, issuer, client or scope on no line', async () => {
    const keys = await startKeyServer([key.jwk])
    const options = { keys: { jwksUri: keys.url }, clients: 'agent', scopes: 'mcp' }
    const server = await startDirect(key, options, roomy)
    for (const text of texts) {
      await server.send(bearer(mint(key, { header: { kid: text } })))
      await server.send(bearer(mint(key, { claims: { iss: text } })))
      await server.send(bearer(mint(key, { claims: { client_id: text } })))
      await server.send(bearer(mint(key, { claims: { scope: text } })))
    }
    expect(server.handled).toHaveLength(0)
    expect(keys.fetches).toBeLessThanOrEqual(3)
    expectLines(server.events)
    for (const thrown of server.thrown) expect((thrown as Error).message).toMatch(printableLine)
  })

  it('G2 takes no plain name that could end a line or lose a blank on its way', async () => {
    const server = await startPlainHeaders()
    const [, ...others] = assertion(gatewaySecret)
    for (const text of texts) {
      await server.send([['x-user', text], ...others])
    }
    const subjects = server.handled.map(({ subject }) => subject)
    expect(subjects.length).toBeGreaterThan(0)
    const unfit = /^\s|\s$|[\p{Cc}\p{Zl}\p{Zp}]/u
    expect(subjects.filter((subject) => unfit.test(subject))).toEqual([])
    expectLines(server.events)
  })

  it('G2 shows an awkward tool name or argument to nobody but its caller', async () => {
    const decisions: DecisionEvent[] = []
    const { authenticator } = await startDirect(key)
    const onEvent = (event: ServerEvent): void => {
      if (event.type === 'decision') decisions.push(event)
    }
    const server = await startToolServer({ authenticator, allow: () => false, onEvent })
    for (const text of texts) {
      const unknown = await server.call(good, text, { x: text })
      expect(JSON.parse(unknown)).toMatchObject({ jsonrpc: '2.0', id: 1 })
      const denied = await server.call(good, 'act', { x: text, [text]: text })
      expect(outcomeOf(denied)).toBe('check_failed')
      expect(denied).toMatch(printableLine)
    }
    expect(server.handled).toBe(0)
    expect([...new Set(decisions.map(({ tool }) => tool))]).toEqual([undefined, 'act'])
    expectLines(decisions)
  }, 90_000)

  /** What an operator would log: one line of printable ASCII an event, and JSON. */
  function expectLines(events: readonly unknown[]): void {
    expect(events.length).toBeGreaterThan(0)
    for (const event of events) {
      expect(JSON.stringify(event)).toMatch(printableLine)
      expect(JSON.parse(JSON.stringify(event))).toEqual(event)
      expect(inspect(event, oneLine)).toMatch(printableLine)
    }
  }
})

describe('G4 oracles', () => {
  it('G4 answers unknown key, bad signature and expiry alike', async () => {
    const keys = await startKeyServer([key.jwk])
    const server = await startDirect(key, { keys: { jwksUri: keys.url } })
    const rows = [
      [mint(key, { header: { kid: 'unknown' } }), 'key_unknown'],
      [mint(key, { sign: signWith(stranger) }), 'signature'],
      [mint(key, { claims: { exp: now - 3600, iat: now - 7200 } }), 'expired'],
      [mint(key, { claims: { aud: 'https://other.example' } }), 'audience'],
      [mint(key, { claims: { sub: undefined } }), 'subject'],
    ] as const
    for (const [token, reason] of rows) {
      await expectRefused(server, bearer(token), { code: 'TOK', reason })
    }
  })

  it('G4 does not fetch for each unknown key, so that none of them takes longer', async () => {
    const keys = await startKeyServer([key.jwk])
    const server = await startDirect(key, { keys: { jwksUri: keys.url } })
    await expectAccepted(server, bearer(mint(key)))
    for (let n = 0; n < 20; n++) await server.send(bearer(mint(key, { header: { kid: `u${n}` } })))
    const spent = keys.fetches
    for (let n = 0; n < 200; n++) await server.send(bearer(mint(key, { header: { kid: `v${n}` } })))
    expect(spent).toBeLessThanOrEqual(3)
    expect(keys.fetches).toBe(spent)
    const looked = server.events.filter((event) => event.type === 'key_unknown')
    expect(looked.slice(-200).every((event) => 'lookedAgain' in event && !event.lookedAgain)).toBe(
      true,
    )
  })

  it('G4 says no more about a wrong shared secret than about a missing one', async () => {
    const server = await startPlainHeaders()
    for (const secret of ['x', gatewaySecret.slice(0, -1), `${gatewaySecret}x`, '']) {
      expect(await server.send(assertion(secret))).toEqual(refusals.MISSING)
    }
  })
})
