import { expect, test } from 'vitest'
import { createFindings } from './key-faults/findings.ts'
import { scenarios } from './key-faults/scenarios.ts'

for (const { id, title, run } of scenarios) {
  test(`${id} ${title}`, { timeout: 60_000 }, async () => {
    const found = createFindings()
    await run(found)
    expect(found.all.filter(({ ok }) => !ok)).toEqual([])
    expect(found.all.length).toBeGreaterThan(0)
  })
}
