import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import {
  type Authenticator,
  type CredentialRequest,
  createAuthenticator,
  direct,
  forwarded,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { clock, createGateway, createPeople, resource } from '../support/world.ts'

type Lines = readonly (readonly [name: string, value: string])[]

let authenticator: Authenticator
let person: string
let machine: string

beforeAll(async () => {
  const [people, gateway] = [await createPeople(), await createGateway()]
  authenticator = createAuthenticator({
    resource,
    clock,
    sources: [
      forwarded({
        header: 'X-User-Token',
        issuer: people.issuer(),
        gateway: gateway.issuer(),
        bind: 'audience',
      }),
      direct({ issuer: people.issuer() }),
    ],
  })
  person = await people.token()
  machine = await gateway.token()
})

/** The same header lines in every shape that a request may have. */
const shapes: readonly (readonly [string, (lines: Lines) => CredentialRequest])[] = [
  ['Node headers', (lines) => ({ headers: {}, rawHeaders: lines.flat() })],
  ['web Headers', (lines) => ({ headers: new Headers(lines.map(([...line]) => line)) })],
  ['a web Request', (lines) => new Request(resource, { headers: lines.map(([...line]) => line) })],
  ['a record', (lines) => ({ headers: Object.fromEntries(lines) })],
  ['a record of lists', (lines) => ({ headers: listsOf(lines) })],
]

describe.each(shapes)('%s', (_, toRequest) => {
  const authenticate = (lines: Lines): Promise<unknown> =>
    authenticator.authenticate(toRequest(lines))

  it('carry a token in any case of name and scheme, and with several blanks', async () => {
    for (const name of ['authorization', 'Authorization', 'AUTHORIZATION']) {
      for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'Bearer   ']) {
        const identity = await authenticate([[name, scheme + person]])
        expect(identity).toMatchObject({ subject: 'jane', source: 'direct' })
      }
    }
  })

  it('carry a second token bare or as a bearer', async () => {
    for (const value of [person, `Bearer ${person}`, `bearer  ${person}`]) {
      const lines: Lines = [
        ['Authorization', `Bearer ${machine}`],
        ['X-USER-Token', value],
      ]
      expect(await authenticate(lines)).toMatchObject({ subject: 'jane', source: 'forwarded' })
    }
  })

  it('without a credential get MISSING', () =>
    expectRefused(() => authenticate([['accept', '*/*']]), {
      code: 'MISSING',
      reason: 'no_credential',
    }))

  it.each(['Bearer', 'bearer ', 'BEARER   ', 'DPoP', 'Basic', ''])(
    'with a scheme and no token carry no credential: "%s"',
    (value) =>
      expectRefused(() => authenticate([['authorization', value]]), {
        code: 'MISSING',
        reason: 'no_credential',
      }),
  )

  it.each(['Basic dXNlcjpwYXNz', 'Negotiate abc', 'AWS4-HMAC-SHA256 Credential=x', 'Token x'])(
    'with the scheme of %s carry no credential',
    (value) =>
      expectRefused(() => authenticate([['authorization', value]]), {
        code: 'MISSING',
        reason: 'no_credential',
      }),
  )

  it.each([
    ['no scheme', () => person],
    ['a tab', () => `Bearer\t${person}`],
    ['two tokens', () => `Bearer ${person} ${person}`],
    ['a second parameter', () => `Bearer ${person} x`],
    ['quotes', () => `Bearer "${person}"`],
    ['a scheme glued to the token', () => `Bearer${person}`],
    ['the scheme twice', () => `Bearer Bearer ${person}`],
    ['a semicolon', () => `Bearer ${person};`],
  ])('with %s in Authorization are malformed', (_what, value) =>
    expectRefused(
      () => authenticate([['authorization', value()]]),
      { code: 'REQ', reason: 'header_shape' },
      person,
    ),
  )

  it.each([
    ['nothing', () => ''],
    ['two tokens', () => `${person} ${person}`],
    ['another scheme', () => `Basic ${person}`],
    ['quotes', () => `"${person}"`],
    ['the scheme twice', () => `Bearer Bearer ${person}`],
  ])('with %s in another token header are malformed', (_what, value) => {
    const lines: Lines = [
      ['authorization', `Bearer ${machine}`],
      ['x-user-token', value()],
    ]
    return expectRefused(
      () => authenticate(lines),
      { code: 'REQ', reason: 'header_shape' },
      person,
      machine,
    )
  })

  it.each([
    ['Authorization', () => `Bearer ${person}, Bearer ${person}`],
    ['Authorization', () => `Bearer ${person},`],
    ['Authorization', () => `Bearer ${person},Basic eA==`],
    ['X-User-Token', () => `${person}, ${person}`],
    ['X-User-Token', () => `,${person}`],
  ])('with a comma in %s are ambiguous', (name, value) =>
    expectRefused(
      () => authenticate([[name, value()]]),
      { code: 'REQ', reason: 'duplicate_header' },
      person,
    ),
  )

  it('with a name in two spellings are ambiguous, in either order', async () => {
    const lines: Lines = [
      ['Authorization', `Bearer ${machine}`],
      ['X-User-Token', person],
      ['X_User_Token', person],
    ]
    for (const order of [lines, lines.toReversed()]) {
      await expectRefused(
        () => authenticate(order),
        { code: 'REQ', reason: 'two_spellings' },
        person,
      )
    }
  })

  it('with a name in the spelling with underscores alone lack it', () => {
    const lines: Lines = [
      ['Authorization', `Bearer ${machine}`],
      ['X_User-Token', person],
    ]
    return expectRefused(() => authenticate(lines), { code: 'MISSING', reason: 'obo_missing' })
  })

  it('may hold anything in headers that no source reads', async () => {
    const lines: Lines = [
      ['authorization', `Bearer ${person}`],
      ['x-user', 'root'],
      ['x-forwarded-user', 'root, root'],
      ['cookie', 'access_token=abc'],
      ['authorization-old', 'Bearer x'],
    ]
    expect(await authenticate(lines)).toMatchObject({ subject: 'jane' })
  })
})

describe('a header that is there twice', () => {
  const twice = (name: string): readonly (readonly [string, CredentialRequest])[] => {
    const lines: Lines = [
      ['Authorization', `Bearer ${machine}`],
      ['X-User-Token', person],
      [name, name === 'X-User-Token' ? person : `Bearer ${machine}`],
    ]
    return [
      ['raw lines', { headers: {}, rawHeaders: lines.flat() }],
      ['joined by a comma', { headers: new Headers(lines.map(([...line]) => line)) }],
      ['a list of two', { headers: listsOf(lines) }],
      ['two cases', { headers: Object.fromEntries(withNewCase(lines)) }],
    ]
  }

  it.each([
    ['Authorization', 0],
    ['Authorization', 1],
    ['Authorization', 2],
    ['Authorization', 3],
    ['X-User-Token', 0],
    ['X-User-Token', 1],
    ['X-User-Token', 2],
    ['X-User-Token', 3],
  ])('is ambiguous: %s, in shape %i', async (name, shape) => {
    const [, request] = twice(name)[shape] as readonly [string, CredentialRequest]
    await expectRefused(
      () => authenticator.authenticate(request),
      { code: 'REQ', reason: 'duplicate_header' },
      person,
      machine,
    )
  })

  it('is seen in a real Node request, which shows the first one alone', async () => {
    const lines = [
      'Host: x',
      'Connection: close',
      `Authorization: Bearer ${person}`,
      `authorization: Bearer ${machine}`,
    ]
    await throughServer(lines, async (request) => {
      expect(request.headers.authorization).toBe(`Bearer ${person}`)
      await expectRefused(
        () => authenticator.authenticate(request),
        { code: 'REQ', reason: 'duplicate_header' },
        person,
      )
    })
  })

  it('is seen in the headers of a real Node request handed over alone', async () => {
    const lines = ['Host: x', 'Connection: close', `X-User-Token: ${person}`, 'x-user-token: x']
    await throughServer(lines, (request) =>
      expectRefused(
        () => authenticator.authenticate({ headers: request.headers }),
        { code: 'REQ', reason: 'duplicate_header' },
        person,
      ),
    )
  })
})

function listsOf(lines: Lines): Record<string, string[]> {
  const lists: Record<string, string[]> = {}
  for (const [name, value] of lines) (lists[name] ??= []).push(value)
  return lists
}

function withNewCase(lines: Lines): Lines {
  const last = lines.length - 1
  return lines.map(([name, value], at) => [at === last ? name.toUpperCase() : name, value])
}

/** Sends header lines as they are, and looks at the request that a Node server makes of them. */
async function throughServer(
  lines: readonly string[],
  look: (request: IncomingMessage) => Promise<void>,
): Promise<void> {
  const server = createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`GET /mcp HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  const [request] = (await once(server, 'request')) as [IncomingMessage]
  await look(request)
  socket.destroy()
}
