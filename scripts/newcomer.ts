/**
 * Follows the tutorial from start to end, and runs the first program of each page as a reader would, in
 * a folder with the packed tarballs alone: one part of `check:packages`.
 *
 *   pnpm newcomer
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './pack.ts'
import { checkPages } from './packages/check-pages.ts'
import { followTutorial } from './packages/follow-tutorial.ts'
import { packagesOfPages } from './packages/pages-project.ts'
import { npmInstall } from './packages/run.ts'

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-newcomer-'))
try {
  const packages = packAll(join(scratch, 'tarballs'))
  await followTutorial(scratch, packages)
  const project = join(scratch, 'pages')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const own = packages.flatMap(({ tarball, peers }) => [tarball, ...peers])
  await npmInstall(project, [...new Set(own), ...packagesOfPages()])
  await checkPages(project)
} finally {
  rmSync(scratch, { recursive: true })
}
