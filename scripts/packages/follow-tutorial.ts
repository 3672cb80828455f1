import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Block, readPage } from '../docs/markdown.ts'
import type { PackedPackage } from '../pack.ts'
import { runBlocks, type Step } from './run-blocks.ts'
import { exportsIn, type Started, startProgram } from './start-program.ts'

const page = 'docs/tutorial.md'
const start = 'npx tsx server.ts'

/**
 * Does what the tutorial says, command by command, in an empty folder: it installs the packed packages
 * in place of those of the registry, saves each program under the name that the text gives it, and
 * compares what is printed. Says how many steps that took, and how long.
 */
export async function followTutorial(
  scratch: string,
  packages: readonly PackedPackage[],
): Promise<void> {
  const began = performance.now()
  const { blocks } = readPage(page)
  const texts = readFileSync(page, 'utf8').split('\n')
  const folder = join(scratch, 'tutorial')
  mkdirSync(folder)
  const saved = blocks.flatMap((block) => save(block, texts, folder))
  const steps = toSteps(blocks)
  const at = steps.findIndex(({ command }) => command === start)
  const install = steps.slice(0, 1).map((step) => withTarballs(step, packages))
  const complaints = [...(await runBlocks(folder, install, pathOf(folder)))]
  const server = startProgram(join(folder, 'server.ts'), {})
  try {
    complaints.push(...(await callServer(server, folder, steps.slice(at + 1))))
  } finally {
    await server.stop()
  }
  if (complaints.length > 0) throw new Error([`${page}:`, ...complaints].join('\n'))
  const seconds = Math.round((performance.now() - began) / 1000)
  const time = `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  console.log(`ok: ${page} from start to end: ${saved.length + steps.length} steps, ${time}`)
}

/** Those that call the server, then Ctrl-C, then those that read what it left. */
async function callServer(
  server: Started,
  folder: string,
  steps: readonly Step[],
): Promise<readonly string[]> {
  if (!(await server.prints(/^export gil=.*\n/m))) {
    return [`the server does not start\n${server.output()}`]
  }
  const isLater = ({ command }: Step): boolean => command.startsWith('npx ')
  const variables = { ...pathOf(folder), ...exportsIn(server.output()) }
  const calls = await runBlocks(
    folder,
    steps.filter((step) => !isLater(step)),
    variables,
  )
  const isEnded = await server.stop('SIGINT')
  const later = await runBlocks(folder, steps.filter(isLater), variables)
  return [...calls, ...(isEnded ? [] : ['Ctrl-C does not end the server']), ...later]
}

function pathOf(folder: string): Readonly<Record<string, string>> {
  return { PATH: `${folder}/node_modules/.bin:${process.env['PATH']}` }
}

/** Saves a program whose file the sentence above it names. */
function save(
  { language, line, lines }: Block,
  texts: readonly string[],
  folder: string,
): string[] {
  const above = texts.slice(0, line - 2).findLast((it) => it !== '') ?? ''
  const [, file] = /^Save this as `([\w.-]+)`/.exec(above) ?? []
  if (language !== 'ts' || file === undefined) return []
  writeFileSync(join(folder, file), lines.join('\n'))
  return [file]
}

function toSteps(blocks: readonly Block[]): readonly Step[] {
  return blocks.flatMap(({ language, line, lines }, index) => {
    if (language !== 'sh') return []
    const next = blocks[index + 1]
    const answer = next?.language === 'text' ? next.lines.join('\n') : ''
    return [{ line, command: lines.join('\n'), answer, log: [] }]
  })
}

/** The install step in a folder that is there, with packages that are not in the registry yet. */
function withTarballs(step: Step, packages: readonly PackedPackage[]): Step {
  const byName = new Map(packages.map(({ name, tarball }) => [name, tarball]))
  const command = step.command
    .split('\n')
    .filter((it) => !it.startsWith('mkdir '))
    .map((it) => it.split(' ').map((word) => byName.get(word) ?? word))
    .map((words) => words.join(' '))
  const quiet = command.map((it) => (it.startsWith('npm ') ? `${it} >/dev/null` : it))
  return { ...step, command: quiet.join('\n') }
}
