import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { type PackedPackage, packAll, printSizes } from './pack.ts'

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-packages-'))
try {
  const packages = packAll(join(scratch, 'tarballs'))
  printSizes(packages)
  for (const { tarball } of packages) checkShape(tarball)
  checkCoreAlone(packages)
  checkUse(packages)
  console.log(
    'packages: shapes, what core installs, use from ESM, require and TypeScript: all right',
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true })
}

function checkShape(tarball: string): void {
  run('publint', ['run', tarball, '--strict'])
  run('attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--no-emoji'])
}

/** Whoever installs the core gets `jose` and nothing else. */
function checkCoreAlone(packages: readonly PackedPackage[]): void {
  const core = packages.filter(({ name }) => name === '@onbehalf/core')
  const project = newProject('core-alone', core)
  const installed = packagesIn(join(project, 'node_modules')).join(' ')
  if (installed !== '@onbehalf/core jose') throw new Error(`core alone installed: ${installed}`)
}

/** Every entry loads from ESM and `require`, and its declarations compile for a strict consumer. */
function checkUse(packages: readonly PackedPackage[]): void {
  const project = newProject('use', packages)
  const entries = packages.flatMap((p) => p.entries)
  write(
    project,
    'esm.mjs',
    entries.map((entry) => `await import('${entry}')`),
  )
  write(
    project,
    'require.cjs',
    entries.map((entry) => `require('${entry}')`),
  )
  write(
    project,
    'types.ts',
    entries.map((entry, n) => `export * as entry${n} from '${entry}'`),
  )
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    strict: true,
    noEmit: true,
    typeRoots: [resolve('node_modules/@types')],
    types: ['node'],
  }
  write(project, 'tsconfig.json', [JSON.stringify({ compilerOptions, files: ['types.ts'] })])
  run(process.execPath, ['esm.mjs'], project)
  run(process.execPath, ['require.cjs'], project)
  run(resolve('node_modules/.bin/tsc'), ['--project', '.'], project)
}

function newProject(name: string, packages: readonly PackedPackage[]): string {
  const project = join(scratch, name)
  mkdirSync(project)
  write(project, 'package.json', ['{ "private": true, "type": "module" }'])
  const specs = packages.flatMap(({ tarball, peers }) => [tarball, ...peers])
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...new Set(specs)], project)
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

function write(project: string, file: string, lines: readonly string[]): void {
  writeFileSync(join(project, file), `${lines.join('\n')}\n`)
}

/** Says one line when the command succeeds, and all that the command said when it fails. */
function run(command: string, args: readonly string[], cwd = '.'): void {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  const line = [basename(command), ...args.map((arg) => basename(arg))].join(' ')
  if (status !== 0) throw new Error(`${line}: failed\n${error ?? `${stdout}${stderr}`}`)
  console.log(`ok: ${line}`)
}
