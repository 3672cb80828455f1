import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const path = (from: string): string => fileURLToPath(new URL(from, import.meta.url))
const main = path('../../src/main.ts')
const tools = path('../../../../examples/forwarded-token/src/tools.ts')

/** In its own process: the module is loaded as Node loads it. */
async function explain(...args: readonly string[]) {
  const node = ['--conditions=@onbehalf/source', '--import', 'tsx', main, 'explain', ...args]
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = new Promise((resolve) => child.once('exit', resolve))
  const [code, out, err] = await Promise.all([exit, text(child.stdout), text(child.stderr)])
  return { code, out, err }
}

function identityFile(identity: object): string {
  const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-explain-'))
  onTestFinished(() => rmSync(scratch, { recursive: true }))
  const file = join(scratch, 'identity.json')
  writeFileSync(file, JSON.stringify(identity))
  return file
}

it('says what a user may do, and why not', async () => {
  const identity = identityFile({ subject: 'ada', organization: { id: 'acme' } })
  expect(await explain(tools, '--identity', identity)).toEqual({
    code: 0,
    err: '',
    out: [
      'tool  whoami         allowed  user',
      'tool  list_invoices  allowed  organization',
      'tool  read_ledger    depends  organization',
      'tool  close_books    denied   organization  org_role_missing',
      '',
    ].join('\n'),
  })
})

it('says what is public, as JSON', async () => {
  const { code, out } = await explain(tools, '--json')
  const lines = out.trim().split('\n')
  expect(code).toBe(0)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    kind: 'tool',
    name: 'whoami',
    verdict: 'denied',
    guard: 'user',
    reason: 'identity_missing',
  })
})

it.each([
  ['without a module', () => [], 'name one module'],
  ['for an export that is not there', () => [tools, '--export', 'nothing'], 'exports no nothing'],
  [
    'for a misspelled member',
    () => [tools, '--identity', identityFile({ organisation: 'acme' })],
    'an identity has no organisation',
  ],
])('ends with 2 and a reason %s', async (_what, args, reason) => {
  const { code, out, err } = await explain(...args())
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain(reason)
})
