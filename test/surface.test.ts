import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))

interface Entry {
  readonly specifier: string
  readonly file: string
}

/** Every file that users may import. `internal` is for the packages of this project. */
const entries: readonly Entry[] = readdirSync(packages).flatMap((folder) => {
  const text = readFileSync(join(packages, folder, 'package.json'), 'utf8')
  const { name, exports = {} } = JSON.parse(text) as {
    name: string
    exports?: Record<string, string | { '@onbehalf/source'?: string }>
  }
  return Object.entries(exports).flatMap(([path, target]) => {
    const source = typeof target === 'string' ? undefined : target['@onbehalf/source']
    if (source === undefined || path === './internal') return []
    return [{ specifier: join(name, path), file: join(packages, folder, source) }]
  })
})

const program = ts.createProgram(
  entries.map(({ file }) => file),
  { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2023, noEmit: true, types: ['node'] },
)
const checker = program.getTypeChecker()

function namesOf({ file }: Entry, kind: ts.SymbolFlags): readonly string[] {
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  if (module === undefined) return []
  return checker
    .getExportsOfModule(module)
    .filter((one) => (target(one).flags & kind) !== 0)
    .map(({ name }) => name)
}

function target(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

describe('what users may import', () => {
  it('is found', () => {
    const found = entries.map(({ specifier }) => specifier)
    expect(found).toEqual(expect.arrayContaining(['@onbehalf/core', '@onbehalf/core/guards']))
    expect(found).not.toContain('@onbehalf/core/token')
    expect(found).not.toContain('@onbehalf/core/keys')
  })

  it('has each value of the core in one place', () => {
    const core = entries.filter(({ specifier }) => specifier.startsWith('@onbehalf/core'))
    const names = core.flatMap((entry) => namesOf(entry, ts.SymbolFlags.Value))
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  it('has at most 25 values in the root of the core', () => {
    const root = entries.filter(({ specifier }) => specifier === '@onbehalf/core')
    const values = root.flatMap((entry) => namesOf(entry, ts.SymbolFlags.Value))
    expect(values).toContain('createAuthenticator')
    expect(values.length).toBeLessThanOrEqual(25)
  })

  it.each(entries)('has names that belong to $specifier alone', (entry) => {
    const others = entries.filter(
      ({ specifier }) => specifier !== entry.specifier && isSamePackage(specifier, entry.specifier),
    )
    const all = ts.SymbolFlags.Value | ts.SymbolFlags.Type
    const names = new Set(others.flatMap((other) => namesOf(other, all)))
    expect(namesOf(entry, all).filter((name) => names.has(name))).toEqual([])
  })
})

function isSamePackage(a: string, b: string): boolean {
  const packageOf = (specifier: string): string => specifier.split('/').slice(0, 2).join('/')
  return packageOf(a) === packageOf(b)
}
