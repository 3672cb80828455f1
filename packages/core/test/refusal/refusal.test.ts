import {
  createRefusal,
  IdentityError,
  type IdentityErrorCode,
  type IdentityErrorDetail,
  type Refusal,
} from '@onbehalf/core'
import { describe, expect, it } from 'vitest'

const url = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp'
const metadata = {
  resource: 'https://mcp.example.com/mcp',
  authorization_servers: ['https://people.example.com'],
  bearer_methods_supported: ['header'],
} as const
const always = { 'content-type': 'application/json', 'cache-control': 'no-store' }

function refusalOf(
  code: IdentityErrorCode,
  detail: Partial<IdentityErrorDetail> = {},
  scopes: readonly string[] = [],
): Refusal {
  const supported = scopes.length === 0 ? {} : { scopes_supported: scopes }
  return createRefusal(new IdentityError(code, { reason: 'own_any', ...detail }), {
    resourceMetadataUrl: url,
    metadata: { ...metadata, ...supported },
  })
}

describe('createRefusal', () => {
  it('asks a caller without credentials for some, without an error (RFC 6750 section 3.1)', () => {
    expect(refusalOf('MISSING')).toEqual({
      status: 401,
      headers: { ...always, 'www-authenticate': `Bearer resource_metadata="${url}"` },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":31401,"message":"Authentication required"}}',
    })
  })

  it.each([
    ['REQ', 400, 'invalid_request', 'The request carries malformed or ambiguous credentials'],
    ['TOK', 401, 'invalid_token', 'The access token was refused'],
    ['BIND', 401, 'invalid_token', 'The access token was refused'],
    ['SCOPE', 403, 'insufficient_scope', 'The access token lacks a required scope'],
  ] as const)('answers %s with %i and %s', (code, status, error, text) => {
    const parameters = `error="${error}", error_description="${text}", resource_metadata="${url}"`
    expect(refusalOf(code)).toEqual({
      status,
      headers: { ...always, 'www-authenticate': `Bearer ${parameters}` },
      body: `{"error":"${error}","error_description":"${text}"}`,
    })
  })

  it.each([
    [undefined, '1'],
    [0, '1'],
    [0.2, '1'],
    [1, '1'],
    [1.1, '2'],
    [60, '60'],
  ])('answers an outage that may end in %s s with Retry-After: %s', (seconds, after) => {
    const detail = seconds === undefined ? {} : { retryAfterSeconds: seconds }
    expect(refusalOf('DOWN', detail)).toEqual({
      status: 503,
      headers: { ...always, 'retry-after': after },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":31503,"message":"The request cannot be served right now"}}',
    })
  })

  it('answers a call that cannot be recorded without a challenge', () => {
    expect(refusalOf('AUDIT')).toEqual({
      status: 503,
      headers: { ...always, 'retry-after': '1' },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":31503,"message":"The call cannot be recorded"}}',
    })
  })

  it('answers a call over a limit with 429 and the time to wait', () => {
    expect(refusalOf('LIMIT', { reason: 'rate_limited', retryAfterSeconds: 12.2 })).toEqual({
      status: 429,
      headers: { ...always, 'retry-after': '13' },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":31429,"message":"Too many requests"}}',
    })
  })

  it("answers a call to another one's session as if there were none", () => {
    expect(refusalOf('SESS')).toEqual({
      status: 404,
      headers: always,
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":31404,"message":"Not found"}}',
    })
  })

  it('names the scopes that the server supports', () => {
    for (const code of ['MISSING', 'TOK', 'BIND', 'REQ'] as const) {
      const challenge = refusalOf(code, {}, ['notes:read', 'notes:write']).headers
      expect(challenge['www-authenticate']).toContain('scope="notes:read notes:write", resource_')
    }
  })

  it('names the scopes that are missing, rather than all', () => {
    const refusal = refusalOf('SCOPE', { scopes: ['notes:write'] }, ['notes:read', 'notes:write'])
    expect(refusal.headers['www-authenticate']).toContain(' scope="notes:write", ')
  })

  it('lets nothing break out of the header', () => {
    const hostile = 'a" , resource_metadata="https://evil.example\r\nset-cookie: x=1\\ ✓\u0000'
    const { headers } = createRefusal(
      new IdentityError('SCOPE', { reason: 'own_any', scopes: [hostile] }),
      { resourceMetadataUrl: `${url}"\r\n\\✓`, metadata },
    )
    const challenge = headers['www-authenticate'] as string
    expect(challenge).toMatch(/^[\x20-\x7E]+$/)
    expect(challenge.match(/"/g)).toHaveLength(8)
    expect(() => new Headers({ 'www-authenticate': challenge })).not.toThrow()
  })

  it('does not reveal a reason or a cause', () => {
    const detail = { reason: 'own_secret_reason', cause: new Error('secret cause') } as const
    for (const code of [
      'MISSING',
      'REQ',
      'TOK',
      'SCOPE',
      'BIND',
      'DOWN',
      'AUDIT',
      'SESS',
      'LIMIT',
    ] as const) {
      expect(JSON.stringify(refusalOf(code, detail))).not.toContain('secret')
    }
  })

  it('answers any other throw as a failure of this server', () => {
    for (const thrown of [new Error('secret'), 'secret', undefined, { status: 200 }]) {
      const refusal = createRefusal(thrown, { resourceMetadataUrl: url, metadata })
      expect(refusal.status).toBe(503)
      expect(JSON.stringify(refusal)).not.toContain('secret')
    }
  })
})
