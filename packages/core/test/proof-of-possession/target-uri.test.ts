import { describe, expect, it } from 'vitest'
import { expectedTarget, normalizeTarget } from '../../src/proof-of-possession/target-uri.ts'
import { processorTime } from '../support/processor-time.ts'

describe('the target of a proof', () => {
  it.each([
    ['as it is', 'https://mcp.example.com/mcp'],
    ['with its default port', 'https://mcp.example.com:443/mcp'],
    ['with scheme and host in upper case', 'HTTPS://MCP.Example.COM/mcp'],
    ['with a query', 'https://mcp.example.com/mcp?session=1'],
    ['with a fragment', 'https://mcp.example.com/mcp#part'],
    ['with an escaped letter', 'https://mcp.example.com/%6dcp'],
    ['with a dot segment', 'https://mcp.example.com/./mcp'],
    ['with a parent segment', 'https://mcp.example.com/other/../mcp'],
    ['with an escaped dot segment', 'https://mcp.example.com/%2e/mcp'],
  ])('is the same %s', (_form, text) => {
    expect(normalizeTarget(text)).toBe('https://mcp.example.com/mcp')
  })

  it.each([
    ['another port', 'https://mcp.example.com:8443/mcp'],
    ['another scheme', 'http://mcp.example.com/mcp'],
    ['another host', 'https://mcp.example.com.evil.example/mcp'],
    ['a slash more', 'https://mcp.example.com/mcp/'],
    ['no path', 'https://mcp.example.com'],
    ['the path in upper case', 'https://mcp.example.com/MCP'],
    ['an escaped slash', 'https://mcp.example.com/%2Fmcp'],
    ['an escape that is escaped', 'https://mcp.example.com/%256dcp'],
    ['a double slash', 'https://mcp.example.com//mcp'],
  ])('is another one with %s', (_form, text) => {
    expect(normalizeTarget(text)).not.toBe('https://mcp.example.com/mcp')
  })

  it('compares escapes without regard to the case of their digits', () => {
    expect(normalizeTarget('https://mcp.example.com/a%c3%a4')).toBe(
      normalizeTarget('https://mcp.example.com/a%C3%A4'),
    )
  })

  it.each([
    ['no text', 17],
    ['absent', undefined],
    ['a list', ['https://mcp.example.com/mcp']],
    ['empty', ''],
    ['relative', '/mcp'],
    ['without a host', 'https:///mcp'],
    ['without slashes', 'https:mcp.example.com/mcp'],
    ['with backslashes', 'https:\\\\mcp.example.com\\mcp'],
    ['with a backslash in the path', 'https://mcp.example.com/a\\..\\mcp'],
    ['with a user', 'https://ada@mcp.example.com/mcp'],
    ['with a user and a password', 'https://ada:secret@mcp.example.com/mcp'],
    ['with a tab inside', 'https://mcp.exa\tmple.com/mcp'],
    ['with a line break behind', 'https://mcp.example.com/mcp\n'],
    ['after a space', ' https://mcp.example.com/mcp'],
    ['with a letter beyond ASCII', 'https://mcp.example.com/mcp\u00e4'],
    ['of another scheme', 'ftp://mcp.example.com/mcp'],
    ['a blob', 'blob:https://mcp.example.com/mcp'],
    ['a port that is none', 'https://mcp.example.com:99999/mcp'],
  ])('is refused when it is %s', (_form, value) => {
    expect(normalizeTarget(value)).toBeUndefined()
  })

  it('normalizes 64 kB of the worst input in a moment', () => {
    const spent = processorTime()
    for (const piece of ['%6d', '/..', '@', '%']) {
      normalizeTarget(`https://mcp.example.com/${piece.repeat(64_000 / piece.length)}`)
    }
    expect(spent()).toBeLessThan(1_000)
  })
})

describe('the target that a proof has to name', () => {
  const resource = 'https://mcp.example.com/mcp'

  it.each([
    ['/mcp', 'https://mcp.example.com/mcp'],
    ['/mcp?cursor=1', 'https://mcp.example.com/mcp'],
    ['/mcp/tools', 'https://mcp.example.com/mcp/tools'],
    ['/mcp/', 'https://mcp.example.com/mcp/'],
    ['/%6dcp', 'https://mcp.example.com/mcp'],
    ['https://other.example/mcp/tools', 'https://mcp.example.com/mcp/tools'],
  ])('has the path of a request at or below the resource: %s', (url, target) => {
    expect(expectedTarget(resource, url)).toBe(target)
  })

  it.each(['/', '/mcpx', '/tools', '//other.example/mcp', '/mcp/../tools', '*', '', undefined])(
    'is the resource where a proxy rewrote the path: %s',
    (url) => {
      expect(expectedTarget(resource, url)).toBe(resource)
    },
  )

  it('never has the host of a request', () => {
    const targets = ['//other.example/', 'https://other.example/', '/\\other.example'].map((url) =>
      expectedTarget('https://mcp.example.com', url),
    )
    expect(targets).toEqual([
      'https://mcp.example.com//other.example/',
      'https://mcp.example.com/',
      'https://mcp.example.com//other.example',
    ])
  })

  it('has the path of any request where the resource is a whole host', () => {
    expect(expectedTarget('https://mcp.example.com', '/mcp')).toBe('https://mcp.example.com/mcp')
    expect(expectedTarget('https://mcp.example.com/', '/')).toBe('https://mcp.example.com/')
  })
})
