import { matchers } from '@onbehalf/testing/vitest'
import { expect, test } from 'vitest'

expect.extend(matchers)

const events = [
  { type: 'intent', target: { kind: 'tool', name: 'list' }, principal: { subject: 'ada' } },
  { type: 'refusal', target: { kind: 'tool', name: 'close' }, principal: { subject: 'bob' } },
]

test.each([
  { type: 'refusal' },
  { target: { name: 'close' }, principal: { subject: 'bob' } },
  { target: { kind: 'tool', name: 'list' }, type: 'intent' },
])('finds an event with %o', (members) => {
  expect(events).toHaveRecorded(members)
})

test.each([
  { type: 'result' },
  { type: 'refusal', principal: { subject: 'ada' } },
  { target: { name: 'close', uri: 'x' } },
  { principal: undefined },
  { type: ['refusal'] },
])('finds none with %o', (members) => {
  expect(events).not.toHaveRecorded(members)
  expect(() => expect(events).toHaveRecorded(members)).toThrow('one of the events')
})

test('takes nothing but events', () => {
  expect(() => expect({}).not.toHaveRecorded({})).toThrow('expected a list of audit events')
  expect(() => expect({}).not.toSeeTools([])).toThrow('expected a list of tools')
})
