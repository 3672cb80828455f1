import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleanup } from './cleanup.ts'

/** A folder that is gone afterwards, even if this process crashes. */
export function createScratchFolder(cleanup: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'onbehalf-demo-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.once('exit', remove)
  cleanup.add(() => {
    process.off('exit', remove)
    remove()
  })
  return folder
}
