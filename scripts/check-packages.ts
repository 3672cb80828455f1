import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type PackedPackage, packAll, printSizes } from './pack.ts'
import { checkExamples } from './packages/check-examples.ts'
import { checkPages } from './packages/check-pages.ts'
import { followTutorial } from './packages/follow-tutorial.ts'
import { packagesOfPages } from './packages/pages-project.ts'
import { byTwo, npmInstall, run } from './packages/run.ts'

const strictUser = {
  module: 'nodenext',
  target: 'es2023',
  strict: true,
  skipLibCheck: false,
  typeRoots: [resolve('node_modules/@types')],
  types: ['node'],
}

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-packages-'))
try {
  const packages = packAll(join(scratch, 'tarballs'))
  printSizes(packages)
  await byTwo(packages, checkShape)
  await checkCoreAlone(packages)
  const project = await checkUse(packages)
  // The same project, with what pages use besides.
  await npmInstall(project, packagesOfPages())
  await checkPages(project)
  await followTutorial(scratch, packages)
  await checkExamples(packages, join(scratch, 'examples'), project)
  console.log(
    'packages: shapes, what core installs, use from ESM, require and TypeScript, first programs of pages, tutorial, examples: all right',
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true })
}

async function checkShape({ tarball }: PackedPackage): Promise<void> {
  await run('publint', ['run', tarball, '--strict'])
  await run('attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-emoji'])
}

/** An installation of the core brings `jose` and nothing else. */
async function checkCoreAlone(packages: readonly PackedPackage[]): Promise<void> {
  const core = packages.filter(({ name }) => name === '@onbehalf/core')
  const project = await newProject('core-alone', core)
  const installed = packagesIn(join(project, 'node_modules')).join(' ')
  if (installed !== '@onbehalf/core jose') throw new Error(`core alone installed: ${installed}`)
}

/**
 * The core verifies, and every entry of every package loads, as an ES module and through `require`;
 * all declarations compile for a strict user who does not skip them.
 */
async function checkUse(packages: readonly PackedPackage[]): Promise<string> {
  const project = await newProject('use', packages)
  const useCore = readFileSync('scripts/consumer/use-core.ts', 'utf8')
  const entries = packages.flatMap((p) => p.entries)
  const loadAll = entries.map((entry, n) => `export * as entry${n} from '${entry}'`).join('\n')
  for (const extension of ['mts', 'cts']) {
    writeFileSync(join(project, `use-core.${extension}`), useCore)
    writeFileSync(join(project, `load-all.${extension}`), loadAll)
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: strictUser }))
  await run(resolve('node_modules/.bin/tsc'), ['--project', '.'], project)
  for (const script of ['use-core.mjs', 'use-core.cjs', 'load-all.mjs', 'load-all.cjs'])
    await run(process.execPath, [script], project)
  return project
}

async function newProject(name: string, packages: readonly PackedPackage[]): Promise<string> {
  const project = join(scratch, name)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const specs = packages.flatMap(({ tarball, peers }) => [tarball, ...peers])
  await npmInstall(project, [...new Set(specs)])
  return project
}

/** Names of the packages directly inside a `node_modules` folder, those inside scopes included. */
function packagesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(folder, name)).map((inner) => `${name}/${inner}`)
        : name,
    )
    .toSorted()
}
