import assert from 'node:assert/strict'
import type { Identity } from '@onbehalf/core'
import type { DenialReason } from '@onbehalf/core/guards'
import type { ProtectableServer } from '@onbehalf/mcp'

/** What a caller may do with an item. `depends`: on the arguments of the call. */
export type Access = 'allowed' | 'depends' | DenialReason

/** For each tool, resource and prompt, by its name or URI: what each caller may do, by their name. */
export type AccessTable<C extends string> = Readonly<Record<string, Readonly<Record<C, Access>>>>

/** One cell of the table as a test of any runner: `test(name, run)`. */
export interface AccessTest {
  readonly name: string
  /** @throws AssertionError where the server says otherwise */
  readonly run: () => Promise<void>
}

/**
 * Makes tests of a table of who may do what: one for each cell, and one that fails when a tool, resource
 * or prompt has no row, or a row has none. No handler runs. `explain` of `@onbehalf/mcp` is what
 * answers.
 *
 * @param server a protected server, or a factory of servers
 *
 * @example
 * ```ts
 * import { accessMatrix, testIdentity } from '@onbehalf/testing'
 * import { test } from 'vitest'
 *
 * const ada = testIdentity('ada', { organization: 'acme', roles: ['controller'] })
 * const tests = accessMatrix(createServer, { ada, guest: undefined }, {
 *   list_invoices: { ada: 'allowed', guest: 'identity_missing' },
 * })
 * for (const { name, run } of tests) test(name, run)
 * ```
 */
export function accessMatrix<C extends string>(
  server: ProtectableServer | (() => ProtectableServer | Promise<ProtectableServer>),
  callers: Readonly<Record<C, Identity<unknown> | undefined>>,
  table: AccessTable<C>,
): readonly AccessTest[] {
  const explained = async (caller: C | undefined): Promise<ReadonlyMap<string, Access>> => {
    const { explain } = await import('@onbehalf/mcp')
    const asked = typeof server === 'function' ? await server() : server
    const identity = caller === undefined ? undefined : callers[caller]
    const lines = await explain(asked, identity as Identity | undefined)
    return new Map(lines.map(({ name, verdict, reason }) => [name, reason ?? toAccess(verdict)]))
  }
  const cells = Object.entries(table).flatMap(([item, row]) =>
    (Object.keys(callers) as C[]).map((caller) => ({
      name: `${item}: ${caller}: ${row[caller]}`,
      run: async () => assert.equal((await explained(caller)).get(item), row[caller], item),
    })),
  )
  const isWhole = async (): Promise<void> => {
    const items = [...(await explained(undefined)).keys()].sort()
    assert.deepEqual(Object.keys(table).sort(), items, 'one row for each item of the server')
  }
  return [...cells, { name: 'every tool, resource and prompt has a row', run: isWhole }]
}

/** A denial is given by its reason. */
function toAccess(verdict: 'allowed' | 'denied' | 'depends'): Access {
  assert.notEqual(verdict, 'denied')
  return verdict as Access
}
