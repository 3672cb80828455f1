import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { PackedPackage } from '../pack.ts'
import { followReadme } from './follow-readme.ts'
import { byTwo, npmInstall, run } from './run.ts'

/**
 * Copies the examples out of the repository and does there what their readers do: `npm install`,
 * which finds in each what that example asks for and nothing else, then its scripts, and each step
 * of its README.
 *
 * Each compiles, each server says which setting is missing, and the demo starts every one of them
 * with environment variables alone: it ends well only if all its calls, honest and hostile, were
 * answered as they should.
 *
 * @param tools a project with all packages
 */
export async function checkExamples(
  packages: readonly PackedPackage[],
  into: string,
  tools: string,
): Promise<void> {
  const examples = readdirSync('examples').map((name) => copyExample(name, packages, into))
  const complaints = await byTwo(examples, async (example) => {
    await install(example)
    return isServer(example)
      ? [...checkStartsNot(example), ...(await followReadme(example.folder, tools))]
      : []
  })
  if (complaints.flat().length > 0) throw new Error(complaints.flat().join('\n'))
  checkDemo(join(into, 'demo'))
}

async function install({ folder, scripts }: Example): Promise<void> {
  await npmInstall(folder)
  await run(resolve('node_modules/.bin/tsc'), ['--project', '.'], folder)
  if (scripts.includes('build')) await run('npm', ['run', 'build'], folder)
}

function isServer({ folder, scripts }: Example): boolean {
  return scripts.includes('start') && basename(folder) !== 'demo'
}

interface Example {
  readonly folder: string
  /** Names of its npm scripts. */
  readonly scripts: readonly string[]
}

/** Copies what is in the repository, with the packed packages in place of published ones. */
function copyExample(name: string, packages: readonly PackedPackage[], into: string): Example {
  const folder = join(into, name)
  const isOwn = (source: string): boolean => basename(source) !== 'node_modules'
  cpSync(join('examples', name), folder, { recursive: true, filter: isOwn })
  const file = join(folder, 'package.json')
  const text = packages.reduce(
    (json, { name: own, tarball }) =>
      json.replaceAll(versionOf(own), () => `"${own}": "file:${tarball}"`),
    readFileSync(file, 'utf8'),
  )
  const manifest = JSON.parse(text) as { scripts?: Record<string, string> }
  // Packages need each other, too.
  const overrides = Object.fromEntries(
    packages.map(({ name: own, tarball }) => [own, `file:${tarball}`]),
  )
  writeFileSync(file, JSON.stringify({ ...manifest, overrides }))
  const { scripts = {} } = manifest
  return { folder, scripts: Object.keys(scripts) }
}

function versionOf(name: string): RegExp {
  return new RegExp(`"${name}": "[^"]*"`, 'g')
}

function checkStartsNot({ folder }: Example): readonly string[] {
  const { status, stdout, stderr } = npmStart(folder)
  if (status === 0 || !/Error: \w+ is not set/.test(stderr)) {
    return [`${basename(folder)}: started without settings\n${stdout}${stderr}`]
  }
  console.log(`ok: ${basename(folder)} names a missing setting`)
  return []
}

function checkDemo(folder: string): void {
  const { status, stdout, stderr } = npmStart(folder)
  const [summary] = /^demo: [1-9].*, 0 unexpected$/m.exec(stdout) ?? []
  if (status !== 0 || summary === undefined) throw new Error(`demo: failed\n${stdout}${stderr}`)
  console.log(`ok: ${summary}`)
}

/** In an environment where nothing of the example is set. */
function npmStart(cwd: string): SpawnSyncReturns<string> {
  const { PATH, HOME } = process.env
  const env = { PATH, HOME }
  return spawnSync('npm', ['start', '--silent'], { cwd, env, encoding: 'utf8', timeout: 120_000 })
}
