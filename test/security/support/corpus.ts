import { existsSync, readFileSync } from 'node:fs'

const folder = new URL('../../../../shared/corpora/', import.meta.url)

/** A token with the verdict that it must get. */
export interface TokenCase {
  readonly id: string
  readonly level: string
  readonly family: string
  readonly expect: 'accept' | 'reject' | 'either'
  readonly sym?: boolean
  readonly token?: string
  readonly jwks?: { readonly keys: readonly unknown[] }
  readonly policy?: {
    readonly issuer?: string
    readonly audience?: string
    readonly algorithms?: readonly string[]
    readonly now?: number
  }
}

/** Third-party token cases; empty, with a line that says so, where they are not at hand. */
export function tokenCases(): readonly TokenCase[] {
  const lines = readVectors('cases.ndjson').split('\n')
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as TokenCase)
}

/** Third-party awkward strings, under the same condition. */
export function awkwardStrings(): readonly string[] {
  return JSON.parse(readVectors('strings/blns.json') || '[]') as string[]
}

function readVectors(name: string): string {
  const file = new URL(name, folder)
  if (existsSync(file)) return readFileSync(file, 'utf8')
  console.warn(`skipped: third-party vectors ${name} are not beside this repository`)
  return ''
}
