import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { World } from '../../examples/demo/src/world.ts'
import { type Result, toAnswer } from './support/clients.ts'
import { bearerOf, type Example, examples, urlOf } from './support/examples.ts'
import { type Inspection, inspect } from './support/inspector.ts'
import { runWorld } from './support/run-world.ts'

let world: World

beforeAll(async () => {
  world = await runWorld()
}, 60_000)
afterAll(() => world?.stop())

describe.each(examples)('the MCP Inspector on the example $name', (example) => {
  it('lists the tools of the user in the bearer header', async () => {
    const { exitCode, stdout, stderr } = await ask(example, ['--method', 'tools/list'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const { tools } = JSON.parse(stdout) as { tools: readonly { name: string }[] }
    const expected = ['whoami', 'list_invoices', 'read_ledger', ...(example.more ?? [])]
    expect(tools.map(({ name }) => name)).toEqual(expected)
  })

  it('calls a tool', async () => {
    const { exitCode, stdout } = await ask(example, callOf('whoami'))
    expect(exitCode).toBe(0)
    expect(JSON.parse(answerIn(stdout).text)).toEqual(example.ada)
  })

  it('prints why a call was refused', async () => {
    const { exitCode, stdout, stderr } = await ask(example, callOf('read_ledger', 'orgId=globex'))
    expect(exitCode).not.toBe(0)
    expect(answerIn(stdout)).toEqual({
      text: 'Access denied: the caller does not act for this organization.',
      refused: 'org_mismatch',
    })
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'tool_is_error' } })
  })

  it('is asked to authenticate without the header', async () => {
    const url = urlOf(world, example)
    const refused = await inspect({ url, options: ['--method', 'tools/list'] })
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stdout).toBe('')
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'auth_required' } })
  })
})

describe.each(examples.filter(({ generation }) => generation === 'v2'))(
  'the MCP Inspector, by the 2026-07-28 revision, on the example $name',
  (example) => {
    it('calls a tool', async () => {
      const { stdout } = await ask(example, [...callOf('whoami'), '--protocol-era', 'modern'])
      expect(JSON.parse(answerIn(stdout).text)).toEqual(example.ada)
    })
  },
)

async function ask(example: Example, options: readonly string[]): Promise<Inspection> {
  const bearer = await bearerOf(world, example, 'ada')
  return inspect({ url: urlOf(world, example), bearer, options })
}

function callOf(tool: string, ...args: readonly string[]): readonly string[] {
  const values = args.flatMap((arg) => ['--tool-arg', arg])
  return ['--method', 'tools/call', '--tool-name', tool, ...values]
}

function answerIn(stdout: string): ReturnType<typeof toAnswer> {
  return toAnswer(JSON.parse(stdout) as Result)
}
