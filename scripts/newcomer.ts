/**
 * Runs the first program of each page as a reader would, in a folder with the packed tarballs alone.
 *
 *   pnpm newcomer
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './pack.ts'
import { checkPages } from './packages/check-pages.ts'

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-newcomer-'))
try {
  await checkPages(packAll(join(scratch, 'tarballs')), join(scratch, 'pages'))
} finally {
  rmSync(scratch, { recursive: true })
}
