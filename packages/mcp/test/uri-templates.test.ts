import { ResourceTemplate as TemplateV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { ResourceTemplate as TemplateV2 } from '@modelcontextprotocol/server'
import { allowPublic, protect, requireOrg } from '@onbehalf/mcp'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeServer } from './support/make-server.ts'
import { type Generation, generations, wire } from './support/raw.ts'

type Matcher = { match(uri: string): unknown; toString(): string }

function makeTemplate(generation: Generation, text: string): TemplateV1 {
  const Template = (generation === 'v1' ? TemplateV1 : TemplateV2) as typeof TemplateV1
  return new Template(text, { list: undefined })
}

const read = async (uri: URL) => ({ contents: [{ uri: uri.href, text: 'secret' }] })

/** The template as a protected server leaves it. */
function guardedTemplate(generation: Generation, text: string): Matcher {
  const template = makeTemplate(generation, text)
  protect(makeServer(generation)).registerResource('any', template, {}, requireOrg(read))
  return template.uriTemplate
}

const slow: readonly [template: string, uri: string][] = [
  ['x://{a}/{b}/{c}/end', `x://${'a/'.repeat(4_000)}!`],
  ['x://{+a}/{+b}/{+c}/{+d}/end', `x://${'a/'.repeat(4_000)}!`],
  ['x://{#a}/{+b}/end', `x://${'a/'.repeat(4_000)}end/!`],
  ['x://{a}{b}{c}{d}end', `x://${'a'.repeat(8_000)}`],
  ['x://{a*}{b*}{c*}end', `x://${'a,'.repeat(4_000)}`],
  ['x://{a}-{b}-{c}/end', `x://${'a-'.repeat(4_000)}/end!`],
  ['x://h{/a*}{/b*}{/c*}/end', `x://h${'/a'.repeat(4_000)}`],
  ['x://h{.a}{.b}{.c}end', `x://h${'.a'.repeat(4_000)}`],
  ['x://h{?a}{+b}{+c}end', `x://h?a=${'b&'.repeat(3_900)}`],
  ['x://{bucket}/{+key}', `x://${'a/'.repeat(32_000)}`],
]

describe.each(generations)('a URI template of a %s server', (generation) => {
  test.each(slow)(
    '%s does not hold the process for a URI that a caller chose',
    async (text, uri) => {
      const server = protect(makeServer(generation))
      server.registerResource('any', makeTemplate(generation, text), {}, allowPublic(read))
      const line = await wire(generation, server)
      const before = process.cpuUsage()
      const params = { uri }
      await line.ask({ jsonrpc: '2.0', id: 1, method: 'resources/read', params })
      const { user } = process.cpuUsage(before)
      // The regular expressions of the SDKs take seconds to centuries.
      expect(user / 1000).toBeLessThan(1_000)
    },
  )

  test('finds what the regular expression of the SDK finds', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'a*', 'b,c', 'a, b*')
    const operator = fc.constantFrom('', '+', '#', '.', '/', '?', '&')
    const expression = fc.tuple(operator, name).map(([sign, names]) => `{${sign}${names}}`)
    const literal = fc.constantFrom('', 'x://', '/', '-', 'a', ',', '?a=', '&b=', '.', '(a|b)*')
    const parts = fc.array(fc.oneof(expression, literal), { minLength: 1, maxLength: 6 })
    const uri = fc.array(
      fc.constantFrom('x://', 'a', 'b', '/', ',', '-', '.', '?a=', '&b=', '&', '(a|b)*'),
    )
    const property = fc.property(parts, uri, (made, sent) => {
      const [text, url] = [made.join(''), sent.join('')]
      const theirs = makeTemplate(generation, text).uriTemplate.match(url)
      expect(guardedTemplate(generation, text).match(url)).toEqual(theirs)
    })
    fc.assert(property, { numRuns: 400 })
  })

  test.each([
    ['x://{a}/{b}', 'x://one/two', { a: 'one', b: 'two' }],
    ['x://{+path}/{name}', 'x://a/b/c', { path: 'a/b', name: 'c' }],
    ['x://h{/names*}', 'x://h/a,b', { names: ['a', 'b'] }],
    ['x://h{?q,page}', 'x://h?q=1&page=2', { q: '1', page: '2' }],
    ['x://{a}/{b}', 'x://one', null],
    ['x://{a}/{b}', `x://one/${'b'.repeat(9_000)}`, null],
  ])('%s finds in %s what a handler gets', (text, uri, found) => {
    expect(guardedTemplate(generation, text).match(uri)).toEqual(found)
  })

  test('may match less by its own function, and not more', async () => {
    const template = makeTemplate(generation, 'x://{id}')
    const own = (uri: string) => (/\d+$/.test(uri) ? { id: 'own' } : null)
    Object.assign(template.uriTemplate, { match: own })
    protect(makeServer(generation)).registerResource('any', template, {}, requireOrg(read))
    const match = (uri: string) => template.uriTemplate.match(uri)
    expect([match('x://12'), match('x://ab'), match('y://12')]).toEqual([{ id: 'own' }, null, null])
  })
})
