import { createHmac } from 'node:crypto'
import { fileSink, verifyLog } from '@onbehalf/audit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalize } from '../../src/canonical/canonicalize.ts'
import { encodeValue } from '../../src/capture/encode-value.ts'
import { newDirectory, recordsOf } from '../support/log.ts'
import { key, listTrail } from '../support/trail.ts'

const method = 'tools/call'

function nested(depth: number): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < depth; level++) value = { deeper: value }
  return value
}

function circular(): unknown {
  const value: Record<string, unknown> = { name: 'loop' }
  value['self'] = value
  return value
}

const throwing = {
  get secret(): string {
    throw new Error('no')
  },
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()

const hard: readonly (readonly [string, () => unknown])[] = [
  ['circular', circular],
  ['BigInt', () => ({ amount: 12n })],
  ['10 MB', () => ({ text: 'x'.repeat(10_000_000) })],
  ['10 MB of small members', () => Array.from({ length: 1_000_000 }, (_, at) => at)],
  ['depth 5000', () => nested(5_000)],
  ['bytes', () => ({ file: Buffer.alloc(1_000, 1) })],
]

describe('T11 values that are hard to write', () => {
  it.each(hard)('T11 records %s as truncated, with a hash of the whole', async (_name, make) => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer: null })
    const { trail } = listTrail({ sink, levels: { default: 'arguments' } })
    await trail.intent({ method, arguments: make() })
    await trail.close()
    const records = await recordsOf(directory)
    expect(records[0]?.event.arguments).toMatchObject({
      hash: expect.stringMatching(/^[\w-]{43}$/) as string,
      truncated: true,
    })
    expect(JSON.stringify(records).length).toBeLessThan(40_000)
    expect((await verifyLog(directory)).ok).toBe(true)
  })

  it.each([
    ['a getter that throws', throwing],
    ['a revoked proxy', { inner: revoked.proxy }],
    ['functions and symbols', { run: () => 1, mark: Symbol('a'), kept: 1 }],
    ['numbers JSON lacks', [Number.NaN, Number.POSITIVE_INFINITY, -0]],
    ['a date', { at: new Date(0) }],
    ['lone surrogates', '\ud800'],
    ['a member called __proto__', JSON.parse('{"__proto__":{"a":1}}') as unknown],
  ])('T11 never throws for %s', async (_name, value) => {
    const directory = newDirectory()
    const sink = fileSink({ directory, signer: null })
    const { trail } = listTrail({ sink, levels: { default: 'arguments' } })
    await trail.intent({ method, arguments: value })
    await trail.close()
    expect(await verifyLog(directory)).toMatchObject({ ok: true, records: 1 })
  })

  it('distinguishes different large values', async () => {
    const { trail, events } = listTrail({ levels: { default: 'arguments' } })
    for (const end of ['a', 'b', 'a']) {
      await trail.intent({ method, arguments: `${'x'.repeat(100_000)}${end}` })
    }
    const [a, b, again] = events.map((event) => event.arguments?.hash)
    expect(a).not.toBe(b)
    expect(a).toBe(again)
  })

  it('hashes what JSON can say in canonical form', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        let text = ''
        encodeValue(plain, (piece) => {
          text += piece
        })
        expect(text).toBe(canonicalize(plain))
      }),
    )
  })
})

describe('T12 levels and redaction', () => {
  const value = { user: 'ada', password: 'hunter2', cards: [{ number: '4111', name: 'A' }] }
  const tool = (name: string) => ({ method, target: { kind: 'tool', name } as const })
  const levels = {
    tools: { silent: 'none', open: 'arguments', full: 'arguments+result' },
  } as const

  it('T12 records metadata and a keyed hash by default', async () => {
    const { trail, events } = listTrail({ levels })
    const intent = await trail.intent({ ...tool('any'), arguments: value })
    await intent.result({ outcome: 'ok', value })
    const hash = createHmac('sha256', key).update(canonicalize(value)).digest('base64url')
    expect(events[0]?.arguments).toEqual({ hash })
    expect(events[1]).not.toHaveProperty('result')
    expect(JSON.stringify(events)).not.toContain('hunter2')
  })

  it('T12 records nothing of a tool at the level none', async () => {
    const { trail, events } = listTrail({ levels })
    const intent = await trail.intent({ ...tool('silent'), arguments: value })
    await intent.result({ outcome: 'ok' })
    expect(events).toEqual([])
  })

  it('T12 records arguments, and results only where the level says so', async () => {
    const { trail, events } = listTrail({ levels })
    for (const name of ['open', 'full']) {
      const intent = await trail.intent({ ...tool(name), arguments: value })
      await intent.result({ outcome: 'ok', value: { rows: 1 } })
    }
    expect(events.map((event) => event.arguments?.value ?? event.result?.value)).toEqual([
      value,
      undefined,
      value,
      { rows: 1 },
    ])
  })

  it('T12 redacts by path', async () => {
    const redact = ['arguments.password', 'arguments.cards.*.number', ['result', 'a.b']]
    const { trail, events } = listTrail({ levels, redact })
    const intent = await trail.intent({ ...tool('full'), arguments: value })
    await intent.result({ outcome: 'ok', value: { 'a.b': 'secret', a: { b: 'open' } } })
    expect(events[0]?.arguments?.value).toEqual({
      user: 'ada',
      password: '[Redacted]',
      cards: [{ number: '[Redacted]', name: 'A' }],
    })
    expect(events[1]?.result?.value).toEqual({ 'a.b': '[Redacted]', a: { b: 'open' } })
  })

  describe('answers to questions', () => {
    const pin = { action: 'accept', content: { pin: '1234', amount: 5 } }
    const inputResponses = { confirm: pin, roots: { roots: [] } }
    const requestedSchemas = { confirm: {}, roots: undefined }
    const redacted = {
      ...inputResponses,
      confirm: { ...pin, content: { pin: '[Redacted]', amount: 5 } },
    }

    const marked = { properties: { pin: { writeOnly: true } } }

    it('T12 are recorded at the levels of arguments', async () => {
      const { trail, events } = listTrail({ levels })
      for (const name of ['any', 'silent', 'open']) {
        await trail.intent({ ...tool(name), inputResponses, requestedSchemas })
      }
      const hash = createHmac('sha256', key)
        .update(canonicalize(inputResponses))
        .digest('base64url')
      expect(events.map((event) => event.inputResponses)).toEqual([
        { hash },
        { hash, value: inputResponses },
      ])
    })

    it.each([
      ['their own path', { redact: ['inputResponses.confirm.content.pin'] }, {}],
      ['a path for any', { redact: ['inputResponses.*.content.pin'] }, {}],
      ['a path of arguments', { redact: ['arguments.pin'] }, {}],
      ['the schema of arguments', {}, { argumentsSchema: marked }],
      ['the schema of the question', {}, { requestedSchemas: { confirm: marked, roots: {} } }],
    ])('T12 are redacted by %s', async (_by, options, schemas) => {
      const { trail, events } = listTrail({ levels, ...options })
      await trail.intent({ ...tool('open'), inputResponses, requestedSchemas, ...schemas })
      expect(events[0]?.inputResponses?.value).toEqual(redacted)
      expect(JSON.stringify(events)).not.toContain('1234')
    })

    it.each<[string, unknown, object, unknown]>([
      [
        'is not known',
        inputResponses,
        { roots: undefined },
        { confirm: '[Redacted]', roots: inputResponses.roots },
      ],
      ['was never asked', { __proto__: null, constructor: pin }, {}, { constructor: '[Redacted]' }],
      ['has no name', [pin], {}, '[Redacted]'],
    ])(
      'T12 are redacted as a whole where the question %s',
      async (_how, answers, asked, expected) => {
        const { trail, events } = listTrail({ levels })
        const call = { ...tool('open'), inputResponses: answers }
        await trail.intent({ ...call, requestedSchemas: asked as Record<string, unknown> })
        await trail.intent(call)
        expect(events[0]?.inputResponses?.value).toEqual(expected)
        expect(JSON.stringify(events)).not.toContain('1234')
      },
    )

    it('T12 are recorded of a refusal too', async () => {
      const { trail, events } = listTrail({ levels })
      await trail.refusal({
        ...tool('open'),
        inputResponses,
        requestedSchemas,
        reason: 'role_missing',
      })
      expect(events[0]?.inputResponses?.value).toEqual(inputResponses)
    })
  })

  it('T12 redacts what the schema marks, also behind references that go round', async () => {
    const argumentsSchema = {
      $defs: {
        card: {
          type: 'object',
          properties: { number: { 'x-sensitive': true }, next: { $ref: '#/$defs/card' } },
        },
      },
      properties: {
        password: { format: 'password' },
        cards: { type: 'array', items: { anyOf: [{ $ref: '#/$defs/card' }, { type: 'null' }] } },
      },
    }
    const { trail, events } = listTrail({ levels })
    const nestedCards = { ...value, cards: [{ number: '1', next: { number: '2', name: 'B' } }] }
    await trail.intent({ ...tool('open'), arguments: nestedCards, argumentsSchema })
    expect(events[0]?.arguments?.value).toEqual({
      user: 'ada',
      password: '[Redacted]',
      cards: [{ number: '[Redacted]', next: { number: '[Redacted]', name: 'B' } }],
    })
  })
})
