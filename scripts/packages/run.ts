import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'

/**
 * Says one line when the command succeeds, and all that the command said when it fails.
 *
 * @returns what the command printed
 */
export function run(command: string, args: readonly string[], cwd = '.'): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  const line = [basename(command), ...args.map((arg) => basename(arg))].join(' ')
  if (status !== 0) throw new Error(`${line}: failed\n${error ?? `${stdout}${stderr}`}`)
  console.log(`ok: ${line}`)
  return stdout
}

/** Installs what a folder's `package.json` names, and these packages besides. */
export function npmInstall(folder: string, specs: readonly string[] = []): void {
  // Several projects install the same: what one of them fetched is there for the next.
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  run('npm', ['install', ...options, ...specs], folder)
}
