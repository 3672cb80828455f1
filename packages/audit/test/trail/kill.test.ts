import { expect, it } from 'vitest'
import { killRun } from '../../../../scripts/audit-kill/kill-run.ts'

it('T1 has intent and result of every call that was answered before a kill', {
  timeout: 60_000,
}, async () => {
  for (let run = 0; run < 2; run++) {
    const { acknowledged, lost, isIntact } = await killRun('strict')
    expect(acknowledged).toBeGreaterThan(0)
    expect({ lost, isIntact }).toEqual({ lost: 0, isIntact: true })
  }
})
