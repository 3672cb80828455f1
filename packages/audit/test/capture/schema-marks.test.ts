import { expect, it } from 'vitest'
import { listTrail } from '../support/trail.ts'

const secret = { 'x-sensitive': true }
const redacted = '[Redacted]'

it.each<[string, object, unknown, unknown]>([
  ['properties', { properties: { pin: secret } }, { pin: 1, id: 2 }, { pin: redacted, id: 2 }],
  ['patternProperties', { patternProperties: { '^p': secret } }, { pin: 1 }, { pin: redacted }],
  ['additionalProperties', { additionalProperties: secret }, { pin: 1 }, { pin: redacted }],
  ['items', { items: secret }, [1, 2], [redacted, redacted]],
  ['prefixItems', { prefixItems: [{}, secret] }, [1, 2], [1, redacted]],
  ['allOf', { allOf: [{ properties: { pin: secret } }] }, { pin: 1 }, { pin: redacted }],
  ['anyOf', { anyOf: [{ properties: { pin: secret } }] }, { pin: 1 }, { pin: redacted }],
  ['oneOf', { oneOf: [{ properties: { pin: secret } }] }, { pin: 1 }, { pin: redacted }],
  ['if', { if: { properties: { pin: secret } } }, { pin: 1 }, { pin: redacted }],
  [
    'then',
    // oxlint-disable-next-line no-thenable -- that is how JSON Schema calls it
    { then: { properties: { pin: secret } } },
    { pin: 1 },
    { pin: redacted },
  ],
  ['else', { else: { properties: { pin: secret } } }, { pin: 1 }, { pin: redacted }],
  [
    '$ref',
    { $defs: { 'a/b~c': secret }, properties: { pin: { $ref: '#/$defs/a~1b~0c' } } },
    { pin: 1 },
    { pin: redacted },
  ],
  ['writeOnly', { properties: { pin: { writeOnly: true } } }, { pin: 1 }, { pin: redacted }],
  ['a format', { properties: { pin: { format: 'password' } } }, { pin: 1 }, { pin: redacted }],
  [
    'the items of an array within one',
    { properties: { rows: { items: { prefixItems: [secret] } } } },
    { rows: [['1']] },
    { rows: [[redacted]] },
  ],
])('T12 redacts what a schema marks by %s', async (_, argumentsSchema, given, kept) => {
  const { trail, events } = listTrail({ levels: { default: 'arguments' } })
  await trail.intent({ method: 'tools/call', arguments: given, argumentsSchema })
  expect(events[0]?.arguments?.value).toEqual(kept)
})
