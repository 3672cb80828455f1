import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll, printSizes } from './pack.ts'

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-sizes-'))
try {
  printSizes(packAll(scratch))
} finally {
  rmSync(scratch, { recursive: true })
}
