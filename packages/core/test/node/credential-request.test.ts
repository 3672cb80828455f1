import {
  type Authenticator,
  type CredentialRequest,
  createAuthenticator,
  direct,
} from '@onbehalf/core'
import { beforeAll, describe, expect, it } from 'vitest'
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

describe('a request that is none', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an empty object', {}],
    ['headers that are null', { headers: null }],
    ['a header that is a number', { headers: { authorization: 7 } }],
    ['a header that is an object', { headers: { authorization: { token: 'x' } } }],
    ['raw headers of the wrong kind', { headers: {}, rawHeaders: [1, 2] }],
    ['a URL of the wrong kind', { headers: {}, url: 5 }],
  ])('is refused as a failure of this server: %s', (_, request) =>
    expectRefused(() => authenticator.authenticate(request as never), {
      code: 'DOWN',
      reason: 'internal_error',
    }),
  )
})
