import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { type Block, findPages, readPage } from '../docs/markdown.ts'
import type { PackedPackage } from '../pack.ts'
import { callPage } from './call-page.ts'
import { createIssuers, type Issuers } from './issuers.ts'
import { npmInstall } from './run.ts'
import { startProgram } from './start-program.ts'

/** A page with a server that a reader can copy, start and call. */
export interface PageProgram {
  readonly file: string
  readonly program: Block
  /** All blocks of the page, in their order. */
  readonly blocks: readonly Block[]
  /** The text of the page. */
  readonly text: string
}

/**
 * Runs the first program of every page as it is printed, in a folder that has only what readers
 * install: the packed packages, and what their install line or `docs/package.json` names. The
 * issuers that it names are played on this host, their tokens are those that the page shows decoded.
 */
export async function checkPages(packages: readonly PackedPackage[], into: string): Promise<void> {
  const pages = findPages().flatMap(toProgram)
  if (pages.length === 0) throw new Error('no page has a program that could be run')
  const complaints = pages.flatMap(checkInstallLine)
  const folder = createProject(packages, into)
  const issuers = await createIssuers()
  for (const page of pages) complaints.push(...(await checkProgram(page, folder, issuers)))
  if (complaints.length > 0) throw new Error(complaints.join('\n'))
}

async function checkProgram(
  page: PageProgram,
  folder: string,
  issuers: Issuers,
): Promise<readonly string[]> {
  const name = page.file.replaceAll(/\W/g, '-')
  const file = join(folder, `${name}.ts`)
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
  const started = await startProgram(file, page, issuers)
  try {
    if (started.url === undefined) return [`it ended instead of listening\n${started.output()}`]
    const complaints = await callPage(page, started.url, started.output(), issuers)
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
  const started = await startProgram(file, page, issuers)
  await started.ended
  const expected = outputOf(page)?.lines.join('\n')
  return started.output().trim() === expected
    ? []
    : [`it prints\n${started.output()}in place of\n${expected}`]
}

/** The first block of a page that is a whole program, if it has one. */
function toProgram(file: string): PageProgram[] {
  const { blocks } = readPage(file)
  const text = readFileSync(file, 'utf8')
  const programs = blocks
    .filter(({ language, lines }) => language === 'ts' && isWhole(lines.join('\n')))
    .map((program) => ({ file, program, blocks, text }))
  const first = programs.find((page) => isServer(page) || outputOf(page) !== undefined)
  return first === undefined ? [] : [first]
}

function isWhole(program: string): boolean {
  return program.startsWith('import ') && /\bcreateAuthenticator\(/.test(program)
}

/** Programs that readers call listen on this port. */
function isServer({ program }: PageProgram): boolean {
  return /\.listen\(3000\b|\bport: 3000\b/.test(program.lines.join('\n'))
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

/** One project for all pages. */
function createProject(packages: readonly PackedPackage[], into: string): string {
  mkdirSync(into)
  writeFileSync(join(into, 'package.json'), '{ "private": true, "type": "module" }')
  const peers = packages.flatMap((it) => it.peers)
  npmInstall(into, [
    ...packages.map(({ tarball }) => tarball),
    ...new Set(peers),
    ...otherPackages(),
  ])
  return into
}

/** What pages use besides our packages, as `docs/package.json` asks for it. */
function otherPackages(): readonly string[] {
  const { devDependencies } = JSON.parse(readFileSync('docs/package.json', 'utf8')) as {
    devDependencies: Record<string, string>
  }
  const catalog = readFileSync('pnpm-workspace.yaml', 'utf8')
  const versions = Object.entries({ ...devDependencies, tsx: 'catalog:' }).filter(
    ([name, range]) => !range.startsWith('workspace:') && !name.startsWith('aws-cdk'),
  )
  return versions.map(
    ([name, range]) => `${name}@${range === 'catalog:' ? find(catalog, name) : range}`,
  )
}

function find(catalog: string, name: string): string {
  const entry = new RegExp(`^  ['"]?${name}['"]?: (.*)$`, 'm').exec(catalog)
  if (!entry?.[1]) throw new Error(`the catalog does not have ${name}`)
  return entry[1]
}
