import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { PageProgram } from './check-pages.ts'
import type { Issuers } from './issuers.ts'

export interface Started {
  /** Where the program listens; absent when it ended without that. */
  readonly url: string | undefined
  /** Resolves when the program has ended. */
  readonly ended: Promise<unknown>
  /** What it printed so far. */
  output(): string
  stop(): Promise<void>
}

const preload = fileURLToPath(new URL('./play-issuers.mjs', import.meta.url))

/** Starts a program with nothing changed but its port, and waits until it listens or ends. */
export async function startProgram(
  file: string,
  page: PageProgram,
  { jwks }: Issuers,
): Promise<Started> {
  const { PATH } = process.env
  const child = spawn(process.execPath, ['--import', preload, '--import', 'tsx', file], {
    cwd: fileURLToPath(new URL('.', `file://${file}`)),
    env: { PATH, ...settingsOf(page), PLAYED_JWKS: JSON.stringify(jwks) },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  const listening = once(child, 'message').then(([port]) => `http://127.0.0.1:${port}`)
  const url = await Promise.race([listening, ended.then(() => undefined)])
  return { url, ended, output: () => output, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'close')
}

/** Environment variables that a program reads: secrets, as the page shows them in a request. */
function settingsOf({ program, text }: PageProgram): Record<string, string> {
  const names = program.lines.join('\n').matchAll(/process\.env(?:\.|\[')(\w+)/g)
  const [, secret = ''] = /^[\w-]*secret: (\S+)$/im.exec(text) ?? []
  return Object.fromEntries([...names].map(([, name]) => [name, secret]))
}
