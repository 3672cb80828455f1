import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { createTokenMinter } from '@onbehalf/testing'
import { describe, expect, it } from 'vitest'
import { adapters } from './support/adapters.ts'
import { serve } from './support/http.ts'
import { adasHeaders, adasToken, authenticator, metadataUrl, people } from './support/identities.ts'

const stranger = await createTokenMinter({ issuer: people.issuer, alg: 'ES256' })

const hostileTexts = {
  quotes: '", resource_metadata="https://evil.example/", x="',
  backslash: '\\", error="none',
  'line breaks': 'x\r\nset-cookie: admin=1\r\n\r\n<script>',
  'a character outside Latin-1': '\u2713',
  'a NUL': 'x\0y',
  'bidirectional controls': '\u202Emoc.live',
  'a terminal escape': '\u001B[2J',
  '8 kB': 'k'.repeat(8192),
  'a prototype member': '__proto__',
}

const answer = [
  401,
  {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'www-authenticate': `Bearer error="invalid_token", error_description="The access token was refused", scope="mcp:read", resource_metadata="${metadataUrl}"`,
    connection: 'close',
    'content-length': '76',
  },
  '{"error":"invalid_token","error_description":"The access token was refused"}',
]

describe.each(adapters)('the answer to an invalid token on $name', ({ mount }) => {
  describe.each(Object.entries(hostileTexts))('with %s', (_case, hostile) => {
    it.each([
      ['kid', () => people.mint({ sub: 'ada' }, { header: { kid: hostile } })],
      ['typ', () => people.mint({ sub: 'ada' }, { header: { typ: hostile } })],
      ['alg', () => people.mint({ sub: 'ada' }, { header: { alg: hostile } })],
      ['iss', () => people.mint({ iss: hostile, sub: 'ada' })],
      ['sub', () => adasToken({ sub: hostile, exp: 1 })],
      ['aud', () => adasToken({ aud: hostile })],
      ['scope', () => adasToken({ scope: hostile, exp: 1 })],
      ['signature of a stranger', () => stranger.mint({ sub: hostile })],
    ])('in %s is the same to the byte', async (_place, mint) => {
      expect(await call({ authorization: `Bearer ${await mint()}` })).toEqual(answer)
    })
  })

  it.each([
    ['no JWT', 'opaque-token'],
    ['two segments', 'e30.e30'],
    ['an unsigned token', 'eyJhbGciOiJub25lIn0.e30.'],
    ['a header that is not JSON', 'AAAA.AAAA.AAAA'],
    ['12 kB of dots', '.'.repeat(12_000)],
  ])('for %s is the same to the byte', async (_case, token) => {
    expect(await call({ authorization: `Bearer ${token}` })).toEqual(answer)
  })

  it('never repeats what a user without the scope claims', async () => {
    const scope = 'x", resource_metadata="https://evil.example/'
    const [status, headers, body] = await call(await adasHeaders({ scope, sub: 'evil.example' }))
    expect(status).toBe(403)
    expect(JSON.stringify([headers, body])).not.toContain('evil.example')
  })

  /** Status, headers (without their date and the id of the request) and body. */
  async function call(headers: Record<string, string>): Promise<unknown[]> {
    const handle = (): void => expect.unreachable('a refused request reached the handler')
    const url = new URL('/mcp', await serve(await mount({ authenticator, handle })))
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', headers, agent: false }, (response) => {
        const { date: _date, 'x-request-id': _id, ...rest } = response.headers
        text(response).then((body) => resolve([response.statusCode, rest, body]), reject)
      })
      outgoing.on('error', reject).end()
    })
  }
})
