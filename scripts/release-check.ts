/**
 * Does everything that a release does but publish, in a fresh clone of the last commit, and says what
 * would be published.
 *
 *   pnpm release:check
 *
 * It runs what CI runs, packs every package, checks the licenses of everything that users would install
 * with them, and writes a bill of materials (CycloneDX) to `.artifacts/sbom.json`.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { packAll, printSizes } from './pack.ts'
import { npmInstall, run } from './packages/run.ts'

/** They ask of users nothing but to keep the notice. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
])

interface Component {
  readonly name: string
  readonly version: string
  readonly licenses?: readonly { license?: { id?: string; name?: string }; expression?: string }[]
}

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-release-'))
const sbom = resolve('.artifacts/sbom.json')
try {
  checkClone(join(scratch, 'clone'))
  const packages = packAll(join(scratch, 'tarballs'))
  const project = join(scratch, 'installed')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "name": "installed", "private": true }')
  await npmInstall(
    project,
    packages.map(({ tarball }) => tarball),
  )
  await writeSbom(project)
  checkLicenses()
  console.log('would be published, with provenance:')
  printSizes(packages)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** What CI runs, on what is committed. */
function checkClone(clone: string): void {
  for (const [command, args, cwd] of [
    ['git', ['clone', '--quiet', '.', clone], '.'],
    ['bash', ['.ci/run'], clone],
  ] as const) {
    const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' })
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: failed`)
  }
}

async function writeSbom(project: string): Promise<void> {
  mkdirSync('.artifacts', { recursive: true })
  const options = ['--omit', 'dev', '--output-reproducible', '--output-file', sbom]
  await run(resolve('node_modules/.bin/cyclonedx-npm'), options, project)
}

/** @throws Error with a line for each package whose license is another one, or unknown */
function checkLicenses(): void {
  const { components } = JSON.parse(readFileSync(sbom, 'utf8')) as {
    components: readonly Component[]
  }
  const wrong = components.flatMap((component) => {
    const names = licensesOf(component)
    const isAllowed = names.length > 0 && names.every((name) => allowed.has(name))
    return isAllowed ? [] : [`${component.name}@${component.version}: ${names.join() || 'none'}`]
  })
  if (wrong.length > 0) throw new Error(['licenses to look at:', ...wrong].join('\n'))
  console.log(`ok: ${components.length} packages under licenses that ask for a notice alone`)
}

function licensesOf({ licenses = [] }: Component): string[] {
  return licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression ?? '')
}
