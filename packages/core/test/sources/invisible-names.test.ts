import { createAuthenticator, plainHeaders, sharedSecret } from '@onbehalf/core'
import { describe, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { clock, resource } from '../support/world.ts'

const secret = 'k3TqP0vXn8Zr5YbW2LmD7sHc9GfJ4aEu'
const headers = { subject: 'x-user', organization: 'x-org', roles: 'x-roles' }

describe('a name in a plain header', () => {
  const invisible: readonly (readonly [string, string])[] = [
    ['a zero-width space', '\u200b'],
    ['a zero-width joiner', '\u200d'],
    ['a zero-width non-joiner', '\u200c'],
    ['a word joiner', '\u2060'],
    ['a byte order mark', '\ufeff'],
    ['a soft hyphen', '\u00ad'],
    ['a right-to-left mark', '\u200f'],
    ['a right-to-left override', '\u202e'],
    ['an isolate', '\u2066'],
    ['an Arabic letter mark', '\u061c'],
    ['a line separator', '\u2028'],
    ['a paragraph separator', '\u2029'],
    ['a combining grapheme joiner', '\u034f'],
    ['a Hangul filler', '\u3164'],
    ['a half-width Hangul filler', '\uffa0'],
    ['a Mongolian vowel separator', '\u180e'],
    ['a variation selector', '\ufe0f'],
    ['a supplementary variation selector', '\u{e0101}'],
    ['a tag', '\u{e0061}'],
    ['an invisible operator', '\u2063'],
    ['a musical control', '\u{1d173}'],
    ['an interlinear annotation', '\ufff9'],
    ['an empty Braille pattern', '\u2800'],
    ['a C1 control', '\u0085'],
    ['a delete', '\u007f'],
    ['a tab', '\t'],
    ['a null', '\0'],
  ]
  const places = Object.values(headers)
  const rows = invisible.flatMap(([label, char]) => places.map((place) => [label, place, char]))

  it.each(rows)('is refused with %s in it, in %s', async (_label, place = '', char = '') => {
    const proof = sharedSecret({ header: 'x-gateway-secret', secret })
    const sources = [plainHeaders({ headers, iss: 'https://gateway.example.com', proof })]
    const authenticator = createAuthenticator({ resource, clock, sources })
    const good = { 'x-user': 'jane', 'x-org': 'acme', 'x-roles': 'admin' }
    const value = Buffer.from(`ad${char}min`).toString('latin1')
    const sent = { ...good, [place]: value, 'x-gateway-secret': secret }
    await expectRefused(() => authenticator.authenticate({ headers: sent }), {
      code: 'TOK',
      reason: 'headers_value',
    })
  })

  it.each(['["ad\\u200bmin"]', '["ad\\u0000min"]', '["\\ud800"]'])(
    'is refused with an escaped one in a JSON list: %s',
    async (roles) => {
      const proof = sharedSecret({ header: 'x-gateway-secret', secret })
      const iss = 'https://gateway.example.com'
      const sources = [plainHeaders({ headers, rolesFormat: 'json', iss, proof })]
      const authenticator = createAuthenticator({ resource, clock, sources })
      const sent = { 'x-user': 'jane', 'x-org': '', 'x-roles': roles, 'x-gateway-secret': secret }
      await expectRefused(() => authenticator.authenticate({ headers: sent }), {
        code: 'TOK',
        reason: 'headers_value',
      })
    },
  )
})
