import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'

/**
 * Says one line when the command succeeds, and all that the command said when it fails.
 *
 * @returns what the command printed
 */
export async function run(command: string, args: readonly string[], cwd = '.'): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const [status] = (await once(child, 'close')) as [number | null]
  const line = [basename(command), ...args.map((arg) => basename(arg))].join(' ')
  if (status !== 0) throw new Error(`${line}: failed\n${output.stdout}${output.stderr}`)
  console.log(`ok: ${line.length > 100 ? `${line.slice(0, 97)}...` : line}`)
  return output.stdout
}

/** Installs what a folder's `package.json` names, and these packages besides. */
export async function npmInstall(folder: string, specs: readonly string[] = []): Promise<void> {
  // Several projects install the same: what one of them fetched is there for the next.
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...options, ...specs], folder)
}

/** Does the same with each item, two at a time: a host that runs checks has two cores. */
export async function byTwo<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item)
  }
  await Promise.all([worker(), worker()])
  return results
}
