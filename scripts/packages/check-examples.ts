import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { PackedPackage } from '../pack.ts'
import { npmInstall, run } from './run.ts'

/**
 * Copies the examples out of the repository and does there what their readers do: `npm install`,
 * which finds in each what that example asks for and nothing else, then its scripts.
 *
 * Each compiles, each server says which setting is missing, and the demo starts every one of them
 * with environment variables alone: it ends well only if all its calls, honest and hostile, were
 * answered as they should.
 */
export function checkExamples(packages: readonly PackedPackage[], into: string): void {
  const examples = readdirSync('examples').map((name) => copyExample(name, packages, into))
  for (const { folder, scripts } of examples) {
    console.log(`example: ${basename(folder)}`)
    npmInstall(folder)
    run(resolve('node_modules/.bin/tsc'), ['--project', '.'], folder)
    if (scripts.includes('build')) run('npm', ['run', 'build'], folder)
  }
  const demo = join(into, 'demo')
  const servers = examples.filter(
    ({ scripts, folder }) => scripts.includes('start') && folder !== demo,
  )
  for (const { folder } of servers) checkStartsNot(folder)
  checkDemo(demo)
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
  writeFileSync(file, text)
  const { scripts = {} } = JSON.parse(text) as { scripts?: Record<string, string> }
  return { folder, scripts: Object.keys(scripts) }
}

function versionOf(name: string): RegExp {
  return new RegExp(`"${name}": "[^"]*"`, 'g')
}

function checkStartsNot(folder: string): void {
  const { status, stdout, stderr } = npmStart(folder)
  if (status === 0 || !/Error: \w+ is not set/.test(stderr)) {
    throw new Error(`${basename(folder)}: started without settings\n${stdout}${stderr}`)
  }
  console.log(`ok: ${basename(folder)} names a missing setting`)
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
