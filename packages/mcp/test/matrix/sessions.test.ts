import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Attempted, formatKeeping, keepingWays, runKeeping } from './sessions.ts'

const page = readFileSync(new URL('../../../../docs/sessions.md', import.meta.url), 'utf8')
const ran: Attempted[] = []

test.each(keepingWays)('nothing of ada is there for eve: $name', async (way) => {
  const tried = await runKeeping(way)
  ran.push(...tried)
  expect(tried).toHaveLength(way.attempts.length)
  expect(tried.filter(({ verdict }) => /LEAK|LOST/.test(verdict))).toEqual([])
})

test('the page shows what was found', () => {
  expect(page).toContain(formatKeeping(ran))
})
