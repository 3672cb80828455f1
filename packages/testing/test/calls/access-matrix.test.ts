import { type Access, accessMatrix, testIdentity } from '@onbehalf/testing'
import { describe, expect, test } from 'vitest'
import { createServer } from './servers.ts'

const ada = testIdentity('ada', { organization: 'acme', roles: ['controller'] })
const callers = { ada, guest: undefined }

const row = (forAda: Access): { ada: Access; guest: Access } => ({
  ada: forAda,
  guest: 'identity_missing',
})
const table = {
  list_invoices: row('allowed'),
  close_books: row('allowed'),
  read_ledger: row('depends'),
  send: row('scope_missing'),
  health: { ada: 'allowed', guest: 'allowed' },
  broken: row('allowed'),
  remind: row('allowed'),
  'ledger://acme': row('allowed'),
} as const

describe.each(['v1', 'v2'] as const)('the table of a server of %s', (generation) => {
  const create = () => createServer(generation)

  test.each(accessMatrix(create, callers, table))('holds: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined()
  })

  test('fails in the cell that is wrong', async () => {
    const wrong = { ...table, close_books: { ada: 'org_role_missing', guest: 'allowed' } } as const
    const failed = await namesOfFailed(accessMatrix(create, callers, wrong))
    expect(failed).toEqual(['close_books: ada: org_role_missing', 'close_books: guest: allowed'])
  })

  test.each([
    ['is missing', ({ health: _health, ...rest }: typeof table) => rest],
    ['is about nothing', (all: typeof table) => ({ ...all, gone: row('allowed') })],
  ])('fails where a row %s', async (_what, change) => {
    const failed = await namesOfFailed(accessMatrix(create, callers, change(table)))
    expect(failed).toContain('every tool, resource and prompt has a row')
  })

  test('takes one server too', async () => {
    expect(await namesOfFailed(accessMatrix(create(), callers, table))).toEqual([])
  })
})

async function namesOfFailed(tests: ReturnType<typeof accessMatrix>): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run } of tests) await run().catch(() => failed.push(name))
  return failed
}
