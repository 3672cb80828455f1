import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Block, findPages, readPage } from '../docs/markdown.ts'
import { callPage, type PageProgram } from './call-page.ts'
import { createIssuers, type Issuers } from './issuers.ts'
import { byTwo } from './run.ts'
import { type Started, startProgram } from './start-program.ts'

const preload = fileURLToPath(new URL('./play-issuers.mjs', import.meta.url))

/**
 * Runs the first program of every page as it is printed, in a folder that has only what readers
 * install: the packed packages, and what their install line or `docs/package.json` names. The
 * issuers that it names are played on this host, their tokens are those that the page shows decoded.
 */
export async function checkPages(folder: string): Promise<void> {
  const pages = findPages().flatMap(toProgram)
  if (pages.length === 0) throw new Error('no page has a program that could be run')
  const issuers = await createIssuers()
  const ran = await byTwo(pages, (page) => checkProgram(page, folder, issuers))
  const complaints = [...pages.flatMap(checkInstallLine), ...ran.flat()]
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
}

async function checkProgram(
  page: PageProgram,
  folder: string,
  issuers: Issuers,
): Promise<readonly string[]> {
  // In a folder for itself: some leave files.
  const own = join(folder, page.file.replaceAll(/\W/g, '-'))
  mkdirSync(own)
  const file = join(own, 'program.ts')
  writeFileSync(file, page.program.lines.join('\n'))
  const complaints = await (isServer(page) ? callServer : runToEnd)(file, page, issuers)
  if (complaints.length === 0) console.log(`ok: ${page.file} runs as printed`)
  return complaints.map((complaint) => `${page.file}: ${complaint}`)
}

async function callServer(
  file: string,
  page: PageProgram,
  issuers: Issuers,
): Promise<readonly string[]> {
  const started = start(file, page, issuers)
  try {
    const port = await started.port()
    if (port === undefined) return [`it ended instead of listening\n${started.output()}`]
    const complaints = await callPage(page, `http://127.0.0.1:${port}`, started, issuers)
    return complaints.map((complaint) => `${complaint}\n${started.output()}`)
  } finally {
    await started.stop()
  }
}

/** A program that ends by itself prints what the page says that it prints. */
async function runToEnd(
  file: string,
  page: PageProgram,
  issuers: Issuers,
): Promise<readonly string[]> {
  const started = start(file, page, issuers)
  await started.ended
  const expected = outputOf(page)?.lines.join('\n')
  return started.output().trim() === expected
    ? []
    : [`it prints\n${started.output()}in place of\n${expected}`]
}

/** With nothing changed but its port. */
function start(file: string, page: PageProgram, { jwks }: Issuers): Started {
  const environment = { ...settingsOf(page), PLAYED_JWKS: JSON.stringify(jwks) }
  return startProgram(file, environment, { preload: [preload] })
}

/** Environment variables that a program reads: secrets, as the page shows them in a request. */
function settingsOf({ program, text }: PageProgram): Record<string, string> {
  const names = program.lines.join('\n').matchAll(/process\.env(?:\.|\[')(\w+)/g)
  const [, secret = ''] = /^[\w-]*secret: (\S+)$/im.exec(text) ?? []
  return Object.fromEntries([...names].map(([, name]) => [name, secret]))
}

/** The first block of a page that is a whole program, if it has one. */
function toProgram(file: string): PageProgram[] {
  const { blocks } = readPage(file)
  const text = readFileSync(file, 'utf8')
  const programs = blocks
    .filter(({ language, lines }) => language === 'ts' && canRun(lines.join('\n')))
    .map((program) => ({ file, program, blocks, text }))
  const first = programs.find((page) => isServer(page) || outputOf(page) !== undefined)
  return first === undefined ? [] : [first]
}

/** It asks for nothing that this host may not have, and for no other file. */
function canRun(program: string): boolean {
  return program.startsWith('import ') && !/\bnew Pool\(| from '\.\//.test(program)
}

/** Programs that readers call listen on this port, and know who calls. */
function isServer({ program }: PageProgram): boolean {
  const text = program.lines.join('\n')
  return /\bcreateAuthenticator\(/.test(text) && /\.listen\(3000\b|\bport: 3000\b/.test(text)
}

/** What the page says that the program prints: the block of text right after it. */
function outputOf({ program, blocks }: PageProgram): Block | undefined {
  const next = blocks[blocks.indexOf(program) + 1]
  return next?.language === 'text' ? next : undefined
}

const importFrom = /^import\b[^'"]*['"]([^'"]+)['"]/gm

/** The packages that a program imports. */
function importsOf({ program }: PageProgram): readonly string[] {
  const names = [...program.lines.join('\n').matchAll(importFrom)].map(([, from = '']) => from)
  const packages = names.filter((name) => !isBuiltin(name)).map(toPackage)
  return [...new Set(packages)]
}

function toPackage(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

/** An install line above the program names everything that the program imports. */
function checkInstallLine(page: PageProgram): readonly string[] {
  const installs = page.blocks
    .filter(({ language, line }) => language === 'sh' && line < page.program.line)
    .map(({ lines }) => lines.join('\n'))
    .filter((text) => /^npm install /m.test(text))
  if (installs.length === 0) return []
  const named = new Set(installs.join(' ').split(/\s+/))
  return importsOf(page)
    .filter((name) => !named.has(name))
    .map((name) => `${page.file}: the install line does not name ${name}`)
}
