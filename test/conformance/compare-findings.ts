import { isDeepStrictEqual } from 'node:util'
import type { Check, Findings } from './checks.ts'

/** A check that did not come out alike. */
export interface Difference {
  readonly scenario: string
  /** Its id; with a number where the scenario made several of that id. */
  readonly check: string
  /** Undefined: the check was not made. */
  readonly bare: Check | undefined
  readonly guarded: Check | undefined
}

/** Compares scenario by scenario, check by check: the status, the message and all details. */
export function compareFindings(bare: Findings, guarded: Findings): readonly Difference[] {
  return union(Object.keys(bare), Object.keys(guarded)).flatMap((scenario) => {
    const ones = nameChecks(bare[scenario] ?? [])
    const others = nameChecks(guarded[scenario] ?? [])
    return union([...ones.keys()], [...others.keys()])
      .map((check) => ({ scenario, check, bare: ones.get(check), guarded: others.get(check) }))
      .filter((pair) => !isDeepStrictEqual(pair.bare, pair.guarded))
  })
}

function union(ones: readonly string[], others: readonly string[]): readonly string[] {
  return [...new Set([...ones, ...others])]
}

function nameChecks(checks: readonly Check[]): ReadonlyMap<string, Check> {
  const named = new Map<string, Check>()
  for (const check of checks) {
    let name = check.id
    for (let count = 2; named.has(name); count++) name = `${check.id} ${count}`
    named.set(name, check)
  }
  return named
}
