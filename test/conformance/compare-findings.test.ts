import { describe, expect, it } from 'vitest'
import { type Check, readCheck } from './checks.ts'
import { compareFindings } from './compare-findings.ts'
import { formatDifference, formatResults } from './format-results.ts'

const passed: Check = { id: 'lists-tools', status: 'SUCCESS', details: { tools: ['a', 'b'] } }
const failed: Check = { ...passed, status: 'FAILURE', errorMessage: 'No tools' }

function differ(bare: readonly Check[], guarded: readonly Check[]): readonly string[] {
  return compareFindings({ 'tools-list': bare }, { 'tools-list': guarded }).map(formatDifference)
}

describe('compareFindings', () => {
  it('finds nothing between equal runs', () => {
    expect(differ([passed, failed], [passed, failed])).toEqual([])
  })

  it.each([
    [
      'a verdict',
      [failed],
      'tools-list lists-tools: bare SUCCESS; with Onbehalf FAILURE (No tools)',
    ],
    [
      'a member deep in the details',
      [{ ...passed, details: { tools: ['a'] } }],
      'tools-list lists-tools: SUCCESS both times, and unlike at details.tools.1: bare "b"; with Onbehalf nothing',
    ],
    [
      'an error message',
      [{ ...passed, errorMessage: 'late' }],
      'tools-list lists-tools: bare SUCCESS; with Onbehalf SUCCESS (late)',
    ],
    [
      'a check that was not made',
      [],
      'tools-list lists-tools: bare SUCCESS; with Onbehalf not made',
    ],
    [
      'a check that was made twice',
      [passed, passed],
      'tools-list lists-tools 2: bare not made; with Onbehalf SUCCESS',
    ],
  ])('names %s', (_what, guarded, line) => {
    expect(differ([passed], guarded)).toEqual([line])
  })

  it('names every check of a scenario that ran only once', () => {
    const found = compareFindings({}, { ping: [passed] })
    expect(found).toEqual([
      { scenario: 'ping', check: 'lists-tools', bare: undefined, guarded: passed },
    ])
  })
})

describe('readCheck', () => {
  const url = new URL('http://127.0.0.1:4711/mcp')

  it.each([
    ['timestamp', '2026-11-28T12:00:00.000Z'],
    ['date', 'Sat, 28 Nov 2026 12:00:00 GMT'],
    ['sessionId', 'b7c1'],
    ['sessionIdSent', 'b7c1'],
    ['mcp-session-id', 'b7c1'],
    ['requestState', 'v1.abc'],
    ['subscriptionId', 'abc'],
    ['io.modelcontextprotocol/subscriptionId', 'abc'],
  ])('keeps of "%s" only that it is there', (member, value) => {
    const check = readCheck({ ...passed, details: { [member]: value } }, url)
    expect(check.details).toEqual({ [member]: 'string' })
  })

  it('keeps a missing session id apart from one', () => {
    expect(readCheck({ ...passed, details: { sessionId: null } }, url).details).toEqual({
      sessionId: 'object',
    })
  })

  it('keeps ids of messages, and the number of no event', () => {
    const event = { id: '3', event: 'message', data: '{"id":1000}' }
    const check = readCheck({ ...passed, details: { event, body: { id: 7 } } }, url)
    expect(check.details).toEqual({ event: { ...event, id: 'string' }, body: { id: 7 } })
  })

  it('forgets where the server was', () => {
    const check = readCheck({ ...passed, errorMessage: `No answer from ${url.href}` }, url)
    expect(check.errorMessage).toBe('No answer from http://localhost/mcp')
  })
})

describe('formatResults', () => {
  it('counts verdicts, shows what is not equal, and leaves observations out', () => {
    const bare = {
      ping: [passed],
      'tools-list': [passed, { ...passed, id: 'seen', status: 'INFO' as const }],
    }
    const guarded = { ping: [failed], 'tools-list': bare['tools-list'] }
    const differences = compareFindings(bare, guarded)
    expect(formatResults([{ name: 'SDK v3', bare, guarded, differences }])).toBe(
      [
        '### SDK v3',
        '',
        'Scenarios that pass: 2 of 2. Checks: 2 passed. Differences: 1.',
        '',
        '| scenario | bare | with Onbehalf | equal |',
        '| --- | --- | --- | --- |',
        '| `ping` | 1 passed | 1 failed | **no** |',
        '| `tools-list` | 1 passed | 1 passed | yes |',
      ].join('\n'),
    )
  })
})
