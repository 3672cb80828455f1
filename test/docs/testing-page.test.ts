import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { composePrograms } from '../../scripts/docs/compose-programs.ts'
import { readPage } from '../../scripts/docs/markdown.ts'
import { stopIssuer, tests } from './support/tested-servers.ts'

const blocks = readPage('docs/testing.md').blocks.filter(({ language }) => language === 'ts')
const support = new URL('support/tested-servers.ts', import.meta.url).href
const folder = new URL('../../.artifacts/testing-page/', import.meta.url)

const ours = ['createBooks', 'createServer', 'mcp', 'resource']

/** The blocks of the page as one program, whose tests are collected. */
async function loadPage(): Promise<void> {
  const [program] = composePrograms(blocks)
  const text = String(program?.text)
    .replace("import { test } from 'vitest'", `import { test } from '${support}'`)
    .replace(/(import \{ createLocalIssuer \} from) .*/, `$1 '${support}'`)
  mkdirSync(folder, { recursive: true })
  const file = new URL('program.ts', folder)
  writeFileSync(file, `import { ${ours.join(', ')} } from '${support}'\n${text}`)
  await import(file.href)
}

await loadPage()
afterAll(stopIssuer)

describe('docs/testing.md', () => {
  it('has the commonest tasks', () => {
    expect(tests.length).toBeGreaterThanOrEqual(18)
  })

  it.each(tests)('shows a test that passes: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined()
  })

  it.each(blocks.filter(({ lines }) => lines.some((it) => it.startsWith('test('))).slice(1))(
    'needs at most six lines for a task, at line $line',
    ({ lines }) => {
      expect(lines.length).toBeLessThanOrEqual(6)
    },
  )
})
