import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))
const runner = join(root, 'node_modules/vitest/vitest.mjs')
const suite = join(root, 'test/security/')

interface Listed {
  /** Titles of the groups and of the test, joined by ` > `. */
  readonly name: string
  readonly file: string
}

/**
 * Names of the tests of the security suite as the test runner collects them, without those that are
 * skipped or still to be written.
 */
export async function runningTests(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'threats-'))
  try {
    const file = join(folder, 'tests.json')
    const command = [runner, 'list', 'test/security', `--json=${file}`]
    await promisify(execFile)(process.execPath, command, { cwd: root, maxBuffer: 1 << 26 })
    const listed = JSON.parse(await readFile(file, 'utf8')) as readonly Listed[]
    return listed.filter((test) => test.file.startsWith(suite)).map(titleOf)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A title may hold ` > ` itself: what counts is the last part that starts with an id. */
function titleOf({ name }: Listed): string {
  const parts = name.split(' > ')
  const at = parts.findLastIndex((part) => /^[A-Z]\d+ /.test(part))
  return parts.slice(Math.max(0, at)).join(' > ')
}
