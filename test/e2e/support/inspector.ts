import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'

const manifest = '@modelcontextprotocol/inspector/package.json'
const folder = dirname(createRequire(import.meta.url).resolve(manifest))
const launcher = join(folder, 'clients/launcher/build/index.js')

/** What the Inspector printed and how it ended. */
export interface Inspection {
  readonly exitCode: unknown
  readonly stdout: string
  readonly stderr: string
}

export interface Question {
  readonly url: string
  /** The value of `Authorization`. Default: the header is not sent. */
  readonly bearer?: string
  /** What to do, as options of the command line. */
  readonly options: readonly string[]
}

/** Asks a server by the MCP Inspector's command line, in a process of its own. */
export async function inspect({ url, bearer, options }: Question): Promise<Inspection> {
  const header = bearer === undefined ? [] : ['--header', `Authorization: ${bearer}`]
  const args = ['--cli', url, '--transport', 'http', ...header, ...options]
  // It keeps what it learns of servers in the home folder.
  const home = mkdtempSync(join(tmpdir(), 'inspector-'))
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH, HOME: home, USERPROFILE: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    const exit = new Promise((resolve) => child.once('exit', resolve))
    const ended = await Promise.all([exit, text(child.stdout), text(child.stderr)])
    const [exitCode, stdout, stderr] = ended
    return { exitCode, stdout, stderr }
  } finally {
    child.kill()
    rmSync(home, { recursive: true })
  }
}
