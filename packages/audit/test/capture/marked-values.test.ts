import { describe, expect, it } from 'vitest'
import { listTrail } from '../support/trail.ts'

const canary = 'S3CR3T'
const secret = { type: 'string', 'x-sensitive': true }
const method = 'tools/call'
const levels = { default: 'arguments+result' } as const

/** What a strict trail records of a call, as text. */
async function recorded(
  call: object,
  result: object = {},
  redact: readonly string[] = [],
): Promise<string> {
  const { trail, events } = listTrail({ levels, redact })
  const intent = await trail.intent({ method, ...call })
  await intent.result({ outcome: 'ok', ...result })
  return JSON.stringify(events)
}

const ofProperty = (schema: unknown) => ({ properties: { p: schema, open: { type: 'string' } } })
const value = { p: canary, open: 'visible' }

describe('a value that a schema marks', () => {
  it.each<[string, object, unknown]>([
    ['by x-sensitive', ofProperty(secret), value],
    ['by x-sensitive as a text', ofProperty({ 'x-sensitive': 'high' }), value],
    ['by writeOnly', ofProperty({ writeOnly: true }), value],
    ['by its format', ofProperty({ format: 'password' }), value],
    ['in $defs', { ...ofProperty({ $ref: '#/$defs/p' }), $defs: { p: secret } }, value],
    [
      'in definitions',
      { ...ofProperty({ $ref: '#/definitions/p' }), definitions: { p: secret } },
      value,
    ],
    [
      'by a percent-encoded pointer',
      { ...ofProperty({ $ref: '#/$defs/a%20b' }), $defs: { 'a b': secret } },
      value,
    ],
    [
      'by an escaped pointer',
      { ...ofProperty({ $ref: '#/$defs/a~1b~0c' }), $defs: { 'a/b~c': secret } },
      value,
    ],
    [
      'by an anchor',
      { ...ofProperty({ $ref: '#pin' }), $defs: { p: { $anchor: 'pin', ...secret } } },
      value,
    ],
    [
      'by an anchor of draft-07',
      { ...ofProperty({ $ref: '#pin' }), definitions: { p: { $id: '#pin', ...secret } } },
      value,
    ],
    [
      'by an address',
      {
        ...ofProperty({ $ref: 'https://x.example/pin' }),
        $defs: { p: { $id: 'https://x.example/pin', ...secret } },
      },
      value,
    ],
    [
      'by a relative address',
      {
        $id: 'https://x.example/tool',
        ...ofProperty({ $ref: 'pin' }),
        $defs: { p: { $id: 'pin', ...secret } },
      },
      value,
    ],
    [
      'by a dynamic reference',
      {
        ...ofProperty({ $dynamicRef: '#pin' }),
        $defs: { p: { $dynamicAnchor: 'pin', ...secret } },
      },
      value,
    ],
    [
      'by a chain of references',
      { ...ofProperty({ $ref: '#/$defs/a' }), $defs: { a: { $ref: '#/$defs/b' }, b: secret } },
      value,
    ],
    [
      'perhaps, for a reference to another document',
      ofProperty({ $ref: 'https://elsewhere.example/pin.json' }),
      value,
    ],
    ['perhaps, for a reference to nothing', ofProperty({ $ref: '#/$defs/gone' }), value],
    [
      'perhaps, for a reference to what is not a schema',
      { title: 'T', ...ofProperty({ $ref: '#/title' }) },
      value,
    ],
    ['in allOf', { allOf: [{}, ofProperty(secret)] }, value],
    ['in anyOf', ofProperty({ anyOf: [{ type: 'number' }, secret] }), value],
    ['in oneOf', { oneOf: [ofProperty(secret), { type: 'null' }] }, value],
    ['in if', { if: ofProperty(secret) }, value],
    // oxlint-disable-next-line no-thenable -- a keyword of JSON Schema
    ['in then', { then: ofProperty(secret) }, value],
    ['in else', { else: ofProperty(secret) }, value],
    ['in not', { not: ofProperty(secret) }, value],
    ['in dependentSchemas', { dependentSchemas: { open: ofProperty(secret) } }, value],
    ['in dependencies', { dependencies: { open: ofProperty(secret) } }, value],
    ['in patternProperties', { patternProperties: { '^p$': secret } }, { p: canary }],
    ['in additionalProperties', { additionalProperties: secret }, { p: canary }],
    ['in unevaluatedProperties', { unevaluatedProperties: secret }, { p: canary }],
    ['in items', { items: secret }, [canary]],
    ['in items of draft-07', { items: [{}, secret] }, ['open', canary]],
    ['in prefixItems', { prefixItems: [{}, secret] }, ['open', canary]],
    ['in items behind prefixItems', { prefixItems: [{}], items: secret }, ['open', canary]],
    ['in additionalItems', { items: [{}], additionalItems: secret }, [1, canary]],
    ['in unevaluatedItems', { unevaluatedItems: secret }, [canary]],
    ['in contains', { contains: secret }, [canary]],
    ['as a name of a member', { propertyNames: secret }, { [canary]: 1 }],
    [
      'inside text',
      ofProperty({ contentMediaType: 'application/json', contentSchema: ofProperty(secret) }),
      { p: JSON.stringify(value) },
    ],
    ['inside a keyword that is not known', ofProperty({ 'x-variants': { a: [secret] } }), value],
    [
      'inside a keyword of a later draft',
      { propertyDependencies: { open: { visible: ofProperty(secret) } } },
      value,
    ],
    [
      'in a recursive schema',
      { properties: { p: secret, kid: { $ref: '#' } } },
      { kid: { kid: { p: canary } } },
    ],
  ])('is redacted: %s', async (_how, argumentsSchema, given) => {
    expect(await recorded({ arguments: given, argumentsSchema })).not.toContain(canary)
  })

  it('leaves what is beside it', async () => {
    const given = { ...value, list: [canary, 'first'] }
    const argumentsSchema = { ...ofProperty(secret), $defs: { unused: secret } }
    const text = await recorded({ arguments: given, argumentsSchema })
    expect(text).toContain('visible')
    expect(text).toContain('first')
  })

  it('is not redacted for a reference that says nothing secret', async () => {
    const schema = { ...ofProperty({ $ref: '#/$defs/p' }), $defs: { p: true } }
    expect(await recorded({ arguments: value, argumentsSchema: schema })).toContain(canary)
  })
})

describe('the same value elsewhere', () => {
  const marked = ofProperty(secret)
  const structured = { properties: { structuredContent: marked } }
  const content = [{ type: 'text', text: JSON.stringify(value) }]

  it('is redacted in the text beside structured content', async () => {
    const answer = { value: { structuredContent: value, content }, schema: structured }
    const text = await recorded({}, answer)
    expect(text).not.toContain(canary)
    expect(text).toContain('visible')
  })

  it('is redacted there for a path as well', async () => {
    const answer = { value: { structuredContent: value, content } }
    const redact = ['result.structuredContent.p']
    expect(await recorded({}, answer, redact)).not.toContain(canary)
  })

  it('leaves the text beside structured content without marks', async () => {
    const schema = { properties: { structuredContent: ofProperty({}) } }
    const answer = { value: { structuredContent: value, content }, schema }
    expect(await recorded({}, answer)).toContain(canary)
  })

  const completion = (name: string, given: string, known: object = {}) => ({
    method: 'completion/complete',
    arguments: {
      ref: { type: 'ref/prompt', name: 'login' },
      argument: { name, value: given },
      context: { arguments: known },
    },
  })

  it.each<[string, object, readonly string[]]>([
    ['by the schema', { argumentsSchema: marked }, []],
    ['by a path', {}, ['arguments.p']],
  ])('is redacted in completions: %s', async (_how, call, redact) => {
    const asked = { ...completion('p', canary), ...call }
    const suggested = { value: { completion: { values: [canary] } } }
    expect(await recorded(asked, suggested, redact)).not.toContain(canary)
    const other = { ...completion('open', 'vis', { p: canary }), ...call }
    const text = await recorded(other, { value: { completion: { values: ['visible'] } } }, redact)
    expect(text).not.toContain(canary)
    expect(text).toContain('visible')
  })

  it('is redacted in what a caller answers to a tool', async () => {
    const answers = { ask: { action: 'accept', content: value } }
    const requestedSchemas = { ask: undefined }
    const call = { inputResponses: answers, requestedSchemas, argumentsSchema: marked }
    const text = await recorded(call)
    expect(text).not.toContain(canary)
    expect(text).toContain('visible')
  })
})
