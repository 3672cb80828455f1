import { type ChildProcess, execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'

const patienceSeconds = 60
const lookEverySeconds = 5
const reportEverySeconds = 15

/**
 * Why not to wait any longer: for a minute the process has used no processor time. A busy
 * computer makes a process slow, but never that idle. Resolves once the process has ended or printed
 * something, too; does not resolve while its processor time cannot be read.
 */
export async function stalled(
  child: ChildProcess,
  { example, port }: { readonly example: string; readonly port: number },
): Promise<string> {
  let isOver = false
  const end = (): void => {
    isOver = true
  }
  for (const event of ['close', 'error']) child.once(event, end)
  child.stdout?.once('data', end)

  let used: string | undefined
  let idleSeconds = 0
  for (let waited = 0; idleSeconds < patienceSeconds && !isOver; waited += lookEverySeconds) {
    if (waited > 0 && waited % reportEverySeconds === 0) {
      console.error(`demo: waiting for ${example} on port ${port} (${waited} s)`)
    }
    await pause(lookEverySeconds * 1000, undefined, { ref: false })
    const now = await processorTime(child.pid)
    idleSeconds = now !== undefined && now === used ? idleSeconds + lookEverySeconds : 0
    used = now
  }
  return `it has done nothing for ${patienceSeconds} seconds`
}

/** Processor time that a process has used, as `ps` prints it. */
function processorTime(pid: number | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'time=', '-p', String(pid)], (error, stdout) =>
      resolve(error ? undefined : stdout.trim()),
    )
  })
}
