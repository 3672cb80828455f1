import { path } from '@onbehalf/downstream'
import { describe, expect, it } from 'vitest'
import { toAddress } from '../../src/api/address.ts'
import { GrantFault } from '../../src/oauth/fault.ts'

const base = new URL('https://api.example.com/v1')

function reasonOf(asked: string | URL, of = base): string {
  try {
    return `accepted as ${toAddress(asked, of).href}`
  } catch (thrown) {
    if (thrown instanceof GrantFault) return thrown.detail.reason
    throw thrown
  }
}

describe('an address', () => {
  it.each([
    ['/me', 'https://api.example.com/v1/me'],
    ['/me?$filter=a/../b&c=//d', 'https://api.example.com/v1/me?$filter=a/../b&c=//d'],
    ['/me#part', 'https://api.example.com/v1/me'],
    ['/', 'https://api.example.com/v1/'],
    ['/a%20b', 'https://api.example.com/v1/a%20b'],
    ['/group%2Fproject/file', 'https://api.example.com/v1/group%2Fproject/file'],
    ['/...', 'https://api.example.com/v1/...'],
    ['/@user', 'https://api.example.com/v1/@user'],
    ['/:80', 'https://api.example.com/v1/:80'],
    ['https://api.example.com/v1/me', 'https://api.example.com/v1/me'],
    ['HTTPS://API.example.com:443/v1', 'https://api.example.com/v1'],
  ])('is taken where it is one of the API: %s', (asked, address) => {
    expect(toAddress(asked, base).href).toBe(address)
    expect(toAddress(new URL(address), base).href).toBe(address)
  })

  it.each([
    ['//evil.example.com/me', 'other_origin'],
    ['///evil.example.com/me', 'other_origin'],
    ['https://evil.example.com/v1/me', 'other_origin'],
    ['https://api.example.com.evil.example.com/v1', 'other_origin'],
    ['https://api.example.com@evil.example.com/v1', 'other_origin'],
    ['https://user:pass@api.example.com/v1/me', 'other_origin'],
    ['https://api.example.com:8443/v1/me', 'other_origin'],
    ['http://api.example.com/v1/me', 'other_origin'],
    ['@evil.example.com', 'other_origin'],
    ['.evil.example.com', 'other_origin'],
    ['evil.example.com', 'other_origin'],
    ['javascript:alert(1)', 'other_origin'],
    ['data:text/plain,x', 'other_origin'],
    ['', 'other_origin'],
    ['?x=1', 'other_origin'],
    ['https:/evil.example.com', 'other_origin'],
    ['https:evil.example.com', 'other_origin'],
    ['/\\evil.example.com', 'address_malformed'],
    ['\\\\evil.example.com', 'address_malformed'],
    ['https:\\\\evil.example.com', 'address_malformed'],
    ['/\t/evil.example.com', 'address_malformed'],
    ['/me\r\nHost: evil.example.com', 'address_malformed'],
    [' /me', 'address_malformed'],
    ['/me\u0000', 'address_malformed'],
    ['https://[/v1', 'address_malformed'],
  ])('is refused where it is not one of the API: %j', (asked, reason) => {
    expect(reasonOf(asked)).toBe(reason)
  })

  it.each([
    '/../admin',
    '/users/../admin',
    '/users/..',
    '/./me',
    '/users/%2e%2e/admin',
    '/users/%2E./admin',
    '/users/..%2fadmin',
    '/users/%2e%2e%2fadmin',
    '/users/%252e%252e/admin',
    '/users/%25252e%25252e/admin',
    '/users/..%5cadmin',
    '/users/..;/admin',
    'https://api.example.com/v1/../admin',
    'https://api.example.com/v1/%2e%2e/admin',
  ])('is refused where it climbs: %s', (asked) => {
    expect(reasonOf(asked)).toBe('path_traversal')
  })

  it.each([
    'https://api.example.com/v2/me',
    'https://api.example.com/v10',
    'https://api.example.com',
  ])('is refused outside the base path: %s', (asked) => {
    expect(reasonOf(asked)).toBe('outside_base_url')
  })

  it('may be anywhere on an origin without a base path', () => {
    const origin = new URL('https://api.example.com')
    expect(toAddress('/me', origin).href).toBe('https://api.example.com/me')
    expect(toAddress('https://api.example.com/x/y', origin).href).toBe(
      'https://api.example.com/x/y',
    )
  })
})

describe('a path with values', () => {
  it.each([
    ['ada', '/users/ada/mail'],
    ['a b', '/users/a%20b/mail'],
    ['a/b', '/users/a%2Fb/mail'],
    ['a?admin=1', '/users/a%3Fadmin%3D1/mail'],
    ['a#b', '/users/a%23b/mail'],
    ['a%2fb', '/users/a%252fb/mail'],
    ['a@evil.example.com', '/users/a%40evil.example.com/mail'],
    ['ü', '/users/%C3%BC/mail'],
  ])('keeps each of them in its segment: %s', (id, expected) => {
    expect(path`/users/${id}/mail`).toBe(expected)
    expect(toAddress(path`/users/${id}/mail`, base).pathname).toBe(`/v1${expected}`)
  })

  it.each(['', '.', '..', '...', '../admin', '..\\admin', '%2e%2e', '..%2f..'])(
    'is refused for one that would change the path: %j',
    (id) => {
      expect(reasonOf(path`/users/${id}/mail`)).toBe('path_traversal')
    },
  )

  it('takes numbers, and any value in the query', () => {
    expect(path`/pages/${3}?q=${'.'}&r=${''}&s=${'a&b=c'}`).toBe('/pages/3?q=.&r=&s=a%26b%3Dc')
  })
})
