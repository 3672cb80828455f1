import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { readPage } from '../../../../scripts/docs/markdown.ts'

/** The blocks of a page of docs/aws in one language, in their order. */
export function blocksOf(page: string, language: string): readonly string[] {
  const file = fileURLToPath(new URL(`../../../../docs/aws/${page}.md`, import.meta.url))
  const found = readPage(file).blocks.filter((block) => block.language === language)
  if (found.length === 0) throw new Error(`${page} has no ${language}`)
  return found.map(({ lines }) => lines.join('\n'))
}

/** The one block of a page that has this text in it. */
export function blockWith(page: string, language: string, text: string): string {
  const found = blocksOf(page, language).filter((block) => block.includes(text))
  if (found.length !== 1) throw new Error(`${page} has ${found.length} ${language} with "${text}"`)
  return found[0] as string
}

const folder = fileURLToPath(new URL('../../../../docs/.artifacts/', import.meta.url))
let count = 0

/**
 * Runs a block of TypeScript as a module beside the pages, and hands out what it exports. Names that a
 * reader has of their own are given as globals; `expose` lists further names to hand out.
 */
export async function runBlock(
  code: string,
  globals: Readonly<Record<string, unknown>> = {},
  expose: readonly string[] = [],
): Promise<Readonly<Record<string, unknown>>> {
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value)
  const file = `${folder}block-${process.pid}-${(count += 1)}.ts`
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, `${code}\nexport { ${expose.join(', ')} }\n`)
  try {
    return (await import(/* @vite-ignore */ file)) as Readonly<Record<string, unknown>>
  } finally {
    rmSync(file)
  }
}
