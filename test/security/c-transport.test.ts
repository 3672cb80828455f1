import { inspect } from 'node:util'
import { plainHeaders } from '@onbehalf/core'
import { createAuthInfo } from '@onbehalf/core/auth-info'
import { authenticate, identityOf, resourceMetadata } from '@onbehalf/express'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Compose, compositions } from './support/compositions.ts'
import {
  type ExpectedRefusal,
  expectAccepted,
  expectRefused,
  refusals,
} from './support/expect-refused.ts'
import { frameworks, onNode } from './support/frameworks.ts'
import {
  call,
  gatewayName,
  gatewaySecret,
  machineToken,
  personToken,
  plainHeaderNames,
  userHeader,
  whoIs,
} from './support/gateway.ts'
import { type Answer, type Lines, listen, type RequestParts, sendLines } from './support/http.ts'
import { bearer, type ProtectedServer } from './support/server.ts'
import {
  adasToken,
  foreignToken,
  gilsToken,
  startDirectOn,
  startForwardedOn,
  startPlainHeadersOn,
} from './support/transport.ts'
import { failOnUnhandled } from './support/unhandled.ts'

failOnUnhandled()

type Row = readonly [name: string, lines: Lines]

const duplicate: ExpectedRefusal = { code: 'REQ', reason: 'duplicate_header' }
const shape: ExpectedRefusal = { code: 'REQ', reason: 'header_shape' }
const nothing: ExpectedRefusal = { code: 'MISSING', reason: 'no_credential' }
const spellings: ExpectedRefusal = { code: 'REQ', reason: 'two_spellings' }

const authorization = (...values: readonly string[]): Lines =>
  values.map((value) => ['authorization', value])

describe.each(frameworks)('C1 Authorization twice, on %s', (_framework, mount) => {
  const [ada, gil] = [`Bearer ${adasToken}`, `Bearer ${gilsToken}`]
  const rows: readonly Row[] = [
    ['one token', authorization(ada, ada)],
    ['two tokens', authorization(ada, gil)],
    ['three tokens', authorization(ada, gil, ada)],
    ['a bad token first', authorization(`Bearer ${foreignToken}`, ada)],
    ['a bad token last', authorization(ada, `Bearer ${foreignToken}`)],
    ['an empty line first', authorization('', ada)],
    ['an empty line last', authorization(ada, '')],
    ['another scheme first', authorization('Basic YTpi', ada)],
    ['another scheme last', authorization(ada, 'Basic YTpi')],
    ['in another case', [...authorization(ada), ['AUTHORIZATION', gil]]],
    ['joined by a comma', authorization(`${ada}, ${gil}`)],
    ['joined by a comma, the scheme once', authorization(`${ada},${gilsToken}`)],
    ['joined to nothing', authorization(`${ada},`)],
    ['joined to another scheme', authorization(`${ada}, Basic YTpi`)],
  ]

  it.each(rows)('C1 refuses Authorization twice: %s', async (_variant, lines) => {
    await expectRefused(await startDirectOn(mount), lines, duplicate)
  })

  it('C1 refuses the gateway twice', async () => {
    const server = await startForwardedOn(mount)
    const machine = `Bearer ${machineToken()}`
    const lines: Lines = [...authorization(machine, machine), [userHeader, personToken()]]
    await expectRefused(server, lines, duplicate)
  })
})

describe.each(frameworks)('C2 another header twice, on %s', (_framework, mount, isRaw) => {
  const machine = call({ machine: machineToken() })
  const [ada, gil] = [personToken(), personToken({ sub: 'gil' })]
  const tokens: readonly Row[] = [
    ['one token', userTokens(ada, ada)],
    ['two tokens', userTokens(ada, gil)],
    ['an empty line first', userTokens('', ada)],
    ['an empty line last', userTokens(ada, '')],
    ['in another case', [...userTokens(ada), ['X-USER-TOKEN', gil]]],
    ['joined by a comma', userTokens(`${ada}, ${gil}`)],
    ['joined to nothing', userTokens(`${ada},`)],
  ]

  it.each(tokens)('C2 refuses a user token twice: %s', async (_variant, lines) => {
    await expectRefused(await startForwardedOn(mount), [...machine, ...lines], duplicate)
  })

  it.each(['x-user', 'x-org', 'x-roles', 'x-gateway-secret'])(
    'C2 refuses a plain header twice: %s',
    async (name) => {
      const server = await startPlainHeadersOn(mount)
      const good = server.good ?? []
      const value = good.find(([own]) => own === name)?.[1] ?? ''
      await expectRefused(server, [...good, [name, value]], duplicate)
      await expectRefused(server, [[name, 'root'], ...good], duplicate)
    },
  )

  it.each(['x-user', 'x-org'])('C2 refuses two values in one line: %s', async (name) => {
    const server = await startPlainHeadersOn(mount)
    const lines = replace(server.good ?? [], name, 'ada, root')
    // Where lines are joined, this looks like two.
    const expected: ExpectedRefusal = isRaw ? { code: 'TOK', reason: 'headers_value' } : duplicate
    await expectRefused(server, lines, expected)
  })
})

function userTokens(...values: readonly string[]): Lines {
  return values.map((value) => [userHeader, value])
}

function replace(lines: Lines, name: string, value: string): Lines {
  return lines.map((line) => (line[0] === name ? [name, value] : line))
}

describe.each(frameworks)('C3 the shape of Authorization, on %s', (_framework, mount) => {
  it.each([
    ['the scheme as it is written', `Bearer ${adasToken}`],
    ['the scheme in lower case', `bearer ${adasToken}`],
    ['the scheme in upper case', `BEARER ${adasToken}`],
    ['several blanks', `Bearer    ${adasToken}`],
    ['blanks around', `  Bearer ${adasToken}  `],
  ])('C3 accepts %s', async (_variant, value) => {
    await expectAccepted(await startDirectOn(mount), authorization(value))
  })

  it.each([
    ['a tab', `Bearer\t${adasToken}`],
    ['a tab after a blank', `Bearer \t${adasToken}`],
    ['two tokens', `Bearer ${adasToken} ${gilsToken}`],
    ['a parameter', `Bearer ${adasToken} realm=x`],
    ['a semicolon', `Bearer ${adasToken};`],
    ['quotes', `Bearer "${adasToken}"`],
    ['padding inside', `Bearer ${adasToken}=${adasToken}`],
    ['a character beyond ASCII', `Bearer ${adasToken}\u00E9`],
    ['the scheme twice', `Bearer Bearer ${adasToken}`],
    ['the scheme glued to the token', `Bearer${adasToken}`],
    ['a colon after the scheme', `Bearer: ${adasToken}`],
    ['no scheme', adasToken],
  ])('C3 refuses %s', async (_variant, value) => {
    await expectRefused(await startDirectOn(mount), authorization(value), shape)
  })

  it.each(['Bearer', 'Bearer ', 'bearer', 'BEARER   ', 'DPoP', ''])(
    'C3 takes a scheme without a token for no credential: "%s"',
    async (value) => {
      await expectRefused(await startDirectOn(mount), authorization(value), nothing)
    },
  )

  it.each(['Basic YTpi', 'Basic', 'Negotiate YTpi', 'Token x', `X-Bearer ${adasToken}`])(
    'C3 takes another scheme for no credential: %s',
    async (value) => {
      await expectRefused(await startDirectOn(mount), authorization(value), nothing)
    },
  )
})

describe.each(frameworks)('C4 a header name in two spellings, on %s', (_framework, mount) => {
  const forged = personToken({ sub: 'root' })

  it.each(['X_User_Token', 'x_user-token', 'x-user_token', 'X_USER_TOKEN'])(
    'C4 refuses two spellings of a token header: %s',
    async (name) => {
      const server = await startForwardedOn(mount)
      const good = server.good ?? []
      await expectRefused(server, [...good, [name, forged]], spellings)
      await expectRefused(server, [[name, forged], ...good], spellings)
    },
  )

  it.each(['X_User', 'x_org', 'X_Roles', 'X_Gateway_Secret', 'x-gateway_secret'])(
    'C4 refuses two spellings of a plain header: %s',
    async (name) => {
      const server = await startPlainHeadersOn(mount)
      const good = server.good ?? []
      await expectRefused(server, [...good, [name, 'root']], spellings)
      await expectRefused(server, [[name, 'root'], ...good], spellings)
    },
  )

  it.each(['X_User_Token', 'x-user_token', 'HTTP_X_USER_TOKEN', 'x.user.token', 'xusertoken'])(
    'C4 does not take another spelling for the header: %s',
    async (name) => {
      const server = await startForwardedOn(mount)
      const lines: Lines = [...call({ machine: machineToken() }), [name, personToken()]]
      await expectRefused(server, lines, { code: 'MISSING', reason: 'obo_missing' })
    },
  )

  it('C4 does not take another spelling for a plain header', async () => {
    const server = await startPlainHeadersOn(mount)
    const lines = (server.good ?? []).map(
      ([name, value]) => [name === 'x-user' ? 'x_user' : name, value] as const,
    )
    await expectRefused(server, lines, { code: 'MISSING', reason: 'headers_incomplete' })
  })
})

/** What proxies write and clients can type. */
const typed: Lines = [
  ['x-user', 'root'],
  ['x-org', 'globex'],
  ['x-roles', 'admin'],
  ['x-user-id', 'root'],
  ['x-forwarded-user', 'root'],
  ['x-forwarded-email', 'root@acme.example'],
  ['x-forwarded-preferred-username', 'root'],
  ['x-auth-request-user', 'root'],
  ['x-remote-user', 'root'],
  ['remote-user', 'root'],
  ['x-allowed-tools', '*'],
  ['x-amzn-oidc-identity', 'root'],
  ['x-amzn-oidc-data', gilsToken],
  ['x-goog-authenticated-user-email', 'root'],
  ['x-goog-iap-jwt-assertion', gilsToken],
  ['cf-access-jwt-assertion', gilsToken],
  ['x-ms-client-principal-name', 'root'],
  ['x-pomerium-jwt-assertion', gilsToken],
  ['x-access-token', gilsToken],
  ['x-authorization', `Bearer ${gilsToken}`],
  ['proxy-authorization', `Bearer ${gilsToken}`],
]

describe.each(frameworks)('C5 identity typed by the client, on %s', (_framework, mount) => {
  it.each(typed)('C5 reads no header that was not configured: %s', async (...line) => {
    await expectRefused(await startDirectOn(mount), [line], nothing)
    await expectRefused(await startForwardedOn(mount), [line], nothing)
  })

  it('C5 lets no typed header change who a good token is for', async () => {
    for (const start of [startDirectOn, startForwardedOn]) {
      const server = await start(mount)
      await expectAccepted(server, server.good ?? [])
      await expectAccepted(server, [...typed, ...(server.good ?? [])])
      const [alone, beside] = server.handled
      expect(JSON.stringify(beside)).toBe(JSON.stringify(alone))
      expect(whoIs(beside)).toMatchObject({ subject: 'ada' })
    }
  })

  it('C5 believes plain headers only with proof', async () => {
    const server = await startPlainHeadersOn(mount)
    const lines = (server.good ?? []).filter(([name]) => name !== 'x-gateway-secret')
    await expectRefused(server, lines, { code: 'MISSING', reason: 'gateway_missing' })
    await expectRefused(server, [...lines, ...bearer(adasToken)], {
      code: 'MISSING',
      reason: 'gateway_missing',
    })
  })

  it('C5 refuses an empty subject that the gateway proved, and takes no other for it', async () => {
    const server = await startPlainHeadersOn(mount)
    const empty = replace(server.good ?? [], 'x-user', '')
    await expectRefused(server, empty, { code: 'TOK', reason: 'headers_value' })
    await expectRefused(server, [...empty, ['x-user', 'root']], duplicate)
    await expectRefused(server, [...empty, ['x_user', 'root']], spellings)
    await expectRefused(server, [...empty, ['x-forwarded-user', 'root']], {
      code: 'TOK',
      reason: 'headers_value',
    })
  })
})

describe('C5 a server for plain headers', () => {
  it('C5 cannot be made without a way to prove the gateway', () => {
    for (const proof of [undefined, null, {}, true, { header: 'x-secret', secret: '' }]) {
      const options = { headers: plainHeaderNames, iss: gatewayName, proof: proof as never }
      expect(() => plainHeaders(options)).toThrow(TypeError)
    }
  })
})

describe.each(frameworks)('C6 a token outside the headers, on %s', (_framework, mount) => {
  it.each([
    ['as it is', `?access_token=${adasToken}`],
    ['after another', `?a=1&access_token=${adasToken}`],
    ['twice', `?access_token=${adasToken}&access_token=${gilsToken}`],
    ['escaped', `?%61ccess%5Ftoken=${adasToken}`],
    ['behind a second question mark', `??&access_token=${adasToken}`],
    ['empty', '?access_token='],
    ['a name alone', '?access_token'],
  ])('C6 refuses a token in the query: %s', async (_variant, query) => {
    const server = await startDirectOn(mount)
    const expected: ExpectedRefusal = { code: 'REQ', reason: 'token_in_query' }
    await expectRefused(server, [], expected, `/mcp${query}`)
    await expectRefused(server, bearer(adasToken), expected, `/mcp${query}`)
    const told = inspect([server.events, server.thrown], { depth: Number.POSITIVE_INFINITY })
    expect(told).not.toContain(adasToken.slice(0, 20))
    expect(told).not.toContain('access_token=')
  })

  const form = `access_token=${adasToken}`
  const inBody: readonly (readonly [string, string, string])[] = [
    ['a form', 'application/x-www-form-urlencoded', form],
    ['JSON', 'application/json', JSON.stringify({ access_token: adasToken })],
    ['text', 'text/plain', `Authorization: Bearer ${adasToken}`],
  ]

  it.each(inBody)('C6 does not look for a token in the body: %s', async (_variant, type, body) => {
    const server = await startDirectOn(mount)
    const answer = await server.send([['content-type', type]], '/mcp', { body })
    expect(answer).toEqual(refusals.MISSING)
    expect(server.events.at(-1)).toMatchObject({ type: 'refused', ...nothing })
    expect(server.handled).toHaveLength(0)
  })

  it.each(['access_token', 'token', 'authorization', '__Host-access_token'])(
    'C6 does not look for a token in a cookie: %s',
    async (name) => {
      const server = await startDirectOn(mount)
      await expectRefused(server, [['cookie', `${name}=${adasToken}`]], nothing)
    },
  )

  it('C6 takes the token in the header, whatever body and cookie say', async () => {
    const server = await startDirectOn(mount)
    const cookie: Lines = [['cookie', `access_token=${gilsToken}`]]
    const body = `access_token=${gilsToken}`
    await server.send([...bearer(adasToken), ...cookie], '/mcp', { body })
    expect(whoIs(server.handled.at(-1))).toMatchObject({ subject: 'ada' })
  })
})

describe.each(compositions)('C7 what an exception could be made of, on %s', (_name, compose) => {
  const metadata = '/.well-known/oauth-protected-resource/mcp'

  it.each([
    '/mcp?x=/health',
    `/mcp?${metadata}`,
    `/mcp#${metadata}`,
    `/mcp/..${metadata}`,
    `/mcp/%2e%2e${metadata}`,
    `/mcp;${metadata}`,
    `/${metadata}`,
    `${metadata}/`,
    `${metadata}//`,
    `${metadata}/x`,
    `${metadata}/../../../mcp`,
    `${metadata}%2f..%2fmcp`,
    `${metadata};x`,
    `${metadata}%20`,
    `${metadata}%00`,
    `${metadata}.json`,
    `${metadata}#x`,
    metadata.toUpperCase(),
    metadata.replace('oauth', '%6fauth'),
    metadata.replace('/mcp', '%2Fmcp'),
    '/.well-known/oauth-protected-resource/',
    '/.well-known/oauth-protected-resource/other',
    '/.well-known/openid-configuration',
    '/%6dcp',
    '/MCP',
    '//mcp',
    '/mcp/',
    '/health',
    '/favicon.ico',
    'http://mcp.example/mcp',
    `http://mcp.example${metadata}?x`,
  ])('C7 asks for an identity at every path: %s', async (target) => {
    const site = await serve(compose)
    await expectMissing(site, [], target)
  })

  it.each<Lines[number]>([
    ['user-agent', 'kube-probe/1.31'],
    ['user-agent', 'ELB-HealthChecker/2.0'],
    ['user-agent', 'GoogleHC/1.0'],
    ['x-forwarded-uri', '/health'],
    ['x-forwarded-uri', metadata],
    ['x-original-url', metadata],
    ['x-rewrite-url', metadata],
    ['x-forwarded-path', metadata],
    ['x-forwarded-prefix', metadata],
    ['x-forwarded-method', 'OPTIONS'],
    ['x-http-method-override', 'OPTIONS'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-real-ip', '127.0.0.1'],
    ['x-forwarded-host', 'localhost'],
    ['host', 'localhost'],
    ['origin', 'http://localhost'],
    ['access-control-request-method', 'POST'],
    ['sec-fetch-site', 'same-origin'],
    ['upgrade-insecure-requests', '1'],
  ])('C7 asks for an identity whatever a header says: %s: %s', async (...line) => {
    const site = await serve(compose)
    for (const method of ['POST', 'GET', 'OPTIONS']) {
      await expectMissing(site, [line], '/mcp', method)
    }
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'M-SEARCH'])(
    'C7 asks for an identity with every method: %s',
    async (method) => {
      const site = await serve(compose)
      await expectMissing(site, [], '/mcp', method)
    },
  )

  it('C7 shows the metadata to everybody, and nothing else', async () => {
    const site = await serve(compose)
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect([200, 204]).toContain((await site.send([], metadata, { method })).status)
    }
    expect((await site.send([], metadata)).status).toBe(405)
    expect((await site.send(bearer(adasToken), metadata)).status).toBe(405)
    expect(site.handled).toHaveLength(0)
  })
})

/** An application behind an authenticator, with its metadata beside it. */
interface Site {
  readonly handled: unknown[]
  send(lines: Lines, target: string, parts?: RequestParts): Promise<Answer>
}

async function serve(compose: Compose): Promise<Site> {
  const { authenticator } = await startDirectOn(onNode)
  const handled: unknown[] = []
  const app = compose([
    resourceMetadata(authenticator),
    authenticate(authenticator),
    (req, res) => {
      handled.push(identityOf(req))
      res.end('handled')
    },
  ])
  const { port, close } = await listen(app)
  onTestFinished(close)
  const send: Site['send'] = (lines, target, parts) => sendLines(port, lines, target, parts)
  return { handled, send }
}

/** Refused as anyone is who brings no credential; with one the server serves. */
async function expectMissing(
  site: Site,
  lines: Lines,
  target: string,
  method = 'POST',
): Promise<void> {
  const body = method === 'HEAD' ? '' : refusals.MISSING.body
  expect(await site.send(lines, target, { method })).toEqual({ ...refusals.MISSING, body })
  expect(site.handled).toHaveLength(0)
  expect(await site.send([...lines, ...bearer(adasToken)], '/mcp')).toMatchObject({ status: 200 })
  expect(site.handled.splice(0)).toMatchObject([{ subject: 'ada' }])
}

describe.each(frameworks)('C13 the raw token, on %s', (_framework, mount) => {
  it('C13 leaves no token on an identity or the record for handlers', async () => {
    for (const start of [startDirectOn, startForwardedOn, startPlainHeadersOn]) {
      const server = await start(mount)
      await expectAccepted(server, server.good ?? [])
      expectNoSecretOn(server)
    }
  })
})

function expectNoSecretOn({ handled, authenticator, good = [] }: ProtectedServer): void {
  const identity = handled.at(-1)
  if (identity === undefined) throw new Error('nobody was let in')
  const info = createAuthInfo(identity, authenticator)
  expect(info.token).toBe('')
  const options = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }
  const shown = inspect([identity, info], { ...options, maxStringLength: null })
  const secrets = good.flatMap(([, value]) => value.split(/[ .]/)).filter((it) => it.length > 16)
  expect(secrets.length).toBeGreaterThan(0)
  for (const secret of secrets) expect(shown).not.toContain(secret)
  expect(shown).not.toContain(gatewaySecret)
}
