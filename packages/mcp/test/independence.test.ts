import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const source = new URL('../src/', import.meta.url)
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)

test('mentions neither SDK, which a user of the other generation has not installed', () => {
  expect(files.length).toBeGreaterThan(20)
  for (const file of files) {
    // Examples in docstrings import what users have.
    const text = readFileSync(new URL(file, source), 'utf8').replaceAll(/^ \*.*$/gm, '')
    const modules = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
      (found) => found[1],
    )
    const foreign = modules.filter(
      (name) => !/^(\.\.?\/|node:|@onbehalf\/core(\/|$))/.test(name ?? ''),
    )
    expect([file, foreign]).toEqual([file, []])
  }
})
