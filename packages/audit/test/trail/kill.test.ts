import { expect, it } from 'vitest'
import { killRun } from '../../../../scripts/audit-kill/kill-run.ts'

it('T1 has intent and result of every call that was answered before a kill', {
  timeout: 60_000,
}, async () => {
  for (const mode of ['strict', 'strict, tiny files'] as const) {
    const { acknowledged, lost, isWhole } = await killRun(mode)
    expect(acknowledged).toBeGreaterThan(0)
    expect({ lost, isWhole }).toEqual({ lost: 0, isWhole: true })
  }
})
