import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const oldest = 22
const release = '22.23.3'

/**
 * A Node that the suite runs on: this one, or one from the registry. The servers under test run on
 * this one in any case.
 *
 * @throws Error where the registry has none for this machine
 */
export async function findNode(): Promise<string> {
  if (Number.parseInt(process.versions.node, 10) >= oldest) return process.execPath
  const spec = `node-${process.platform}-${process.arch}@${release}`
  const { stdout } = await run('npx', [
    '-y',
    `--package=${spec}`,
    '--',
    'node',
    '-p',
    'process.execPath',
  ])
  return stdout.trim()
}
