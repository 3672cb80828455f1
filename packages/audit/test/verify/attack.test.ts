import { expect, it } from 'vitest'
import { attackRun } from '../../../../scripts/audit-attack/attack-run.ts'

it('T7 calls nothing signed that an attacker without the key wrote, and nothing intact that lacks a record', {
  timeout: 120_000,
}, async () => {
  const { verdicts, wrong } = await attackRun(60)
  expect(wrong).toEqual([])
  // They are not all one thing.
  expect(verdicts.broken).toBeGreaterThan(10)
  expect(verdicts.unproven).toBeGreaterThan(3)
  expect(verdicts.signed).toBeGreaterThan(3)
})
