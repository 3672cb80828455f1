import { expect, it } from 'vitest'
import { faultRun } from '../../../../scripts/audit-kill/fault-run.ts'

it('T2 loses nothing that was acknowledged, and signs nothing that was refused, while disk and signer come and go', {
  timeout: 120_000,
}, async () => {
  for (let seed = 0; seed < 12; seed++) {
    const { acknowledged, refused, ...wrong } = await faultRun(seed)
    expect(acknowledged).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
    expect(wrong).toEqual({ lost: 0, signedThoughRefused: 0, isWhole: true })
  }
})
