import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const page = readFileSync(new URL('../../../docs/aws/try-locally.md', import.meta.url), 'utf8')

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1]
  if (found === undefined) throw new Error(`the page has no ${language}`)
  return found
}

it('prints what the page says', () => {
  const folder = fileURLToPath(new URL('../../../docs/node_modules/.cache', import.meta.url))
  const file = `${folder}/try-locally-${process.pid}.mts`
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, block('ts'))
  onTestFinished(() => rmSync(file))
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const options = ['--conditions=@onbehalf/source', '--import', loader, file]
  expect(execFileSync(process.execPath, options, { encoding: 'utf8' })).toBe(block('text'))
}, 60_000)
