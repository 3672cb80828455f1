import type { IncomingMessage } from 'node:http'
import { connect, createServer, type OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  type Authenticator,
  type CredentialRequest,
  createAuthenticator,
  direct,
} from '@onbehalf/core'
import { credentialRequest } from '@onbehalf/core/node'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { clock, createPeople, resource } from '../support/world.ts'

let authenticator: Authenticator
let person: string

beforeAll(async () => {
  const people = await createPeople()
  const sources = [direct({ issuer: people.issuer() })]
  authenticator = createAuthenticator({ resource, clock, sources })
  person = await people.token()
})

describe('the URL of a request', () => {
  const request = (url: string): CredentialRequest => ({
    url,
    headers: { authorization: `Bearer ${person}` },
  })

  it.each([
    '/mcp?access_token=x',
    '/mcp?a=1&access_token=x',
    '/mcp?access_token',
    '/mcp?%61ccess_token=x',
    '/mcp??&access_token=',
    'https://mcp.example.com/mcp?access_token=x#y',
  ])('must not carry a token: %s', (url) =>
    expectRefused(() => authenticator.authenticate(request(url)), {
      code: 'REQ',
      reason: 'token_in_query',
    }),
  )

  it.each(['/mcp', '/mcp?', '/mcp?q=access_token', '/access_token?x=1', '/mcp?%zz', '*', ''])(
    'may be %s',
    async (url) => {
      expect(await authenticator.authenticate(request(url))).toMatchObject({ subject: 'jane' })
    },
  )
})

describe('the headers of an adapter', () => {
  const attempt = (headers: unknown, more: object = {}): Promise<unknown> =>
    authenticator.authenticate({ headers: headers as never, ...more })

  it.each([
    ['a number', { 'content-length': 2 }],
    ['true', { 'x-flag': true }],
    ['null', { cookie: null }],
    ['undefined', { cookie: undefined }],
    ['an object', { 'x-context': { stage: 'prod' } }],
    ['the objects of CloudFront events', { host: [{ key: 'Host', value: 'mcp.example.com' }] }],
    ['a list with a number', { via: ['1.1 proxy', 7] }],
    ['an empty list', { via: [] }],
    ['a symbol', { 'x-symbol': Symbol('x') }],
    ['a name like a property of requests', { rawHeaders: ['authorization', 'Bearer x'] }],
    ['a credential with underscores', { x_user: 7, authorization_: 7 }],
  ])('may hold %s where no source reads', async (_what, others) => {
    const identity = await attempt({ ...others, authorization: `Bearer ${person}` })
    expect(identity).toMatchObject({ subject: 'jane' })
  })

  it.each([
    ['a number', 7],
    ['true', true],
    ['an object', { token: 'x' }],
    ['the objects of CloudFront events', [{ key: 'Authorization', value: 'Bearer x' }]],
    ['a list with a number', [7]],
  ])('must not hold %s where a source reads', (_what, authorization) =>
    expectRefused(() => attempt({ authorization }), { code: 'REQ', reason: 'header_shape' }),
  )

  it.each([
    ['null headers', null, {}],
    ['no headers', undefined, {}],
    ['null for the credential', { authorization: null }, {}],
    ['an empty list for the credential', { Authorization: [] }, {}],
    ['header lines that are not texts', {}, { rawHeaders: [1, 2] }],
    ['header lines that are null', {}, { rawHeaders: null }],
  ])('without a credential are refused as such: %s', (_what, headers, more) =>
    expectRefused(() => attempt(headers, more), { code: 'MISSING', reason: 'no_credential' }),
  )

  it('are read from the record, whatever a client names a header', () =>
    expectRefused(() => attempt({ rawHeaders: ['authorization', `Bearer ${person}`] }), {
      code: 'MISSING',
      reason: 'no_credential',
    }))
})

describe('a request over HTTP/2', () => {
  it('is read like any other, pseudo headers included', async () => {
    const token = `Bearer ${person}`
    expect(await overHttp2({ authorization: token })).toBe('jane')
    expect(await overHttp2({ authorization: token, ':authority': 'evil.example' })).toBe('jane')
    expect(await overHttp2({})).toBe('no_credential')
    expect(await overHttp2({ authorization: token, ':path': '/mcp?access_token=x' })).toBe(
      'token_in_query',
    )
  })
})

/** What a server makes of a request: the subject or the reason. */
async function overHttp2(headers: OutgoingHttpHeaders): Promise<string> {
  const server = createServer((req, res) => {
    authenticator.authenticate(credentialRequest(req as unknown as IncomingMessage)).then(
      ({ subject }) => res.end(subject),
      ({ reason }) => res.end(reason),
    )
  })
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const request = client.request({ ':path': '/mcp', ':method': 'POST', ...headers })
  request.end()
  const answer = await text(request)
  client.close()
  return answer
}

describe('a request that is none', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
  ])('is refused as a failure of this server: %s', (_, request) =>
    expectRefused(() => authenticator.authenticate(request as never), {
      code: 'DOWN',
      reason: 'internal_error',
    }),
  )
})
