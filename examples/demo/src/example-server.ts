import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Cleanup } from './cleanup.ts'
import { stalled } from './stalled.ts'

/** A running example server. */
export interface ExampleServer {
  readonly process: ChildProcess
  /** What it reported to its operator. */
  readonly log: readonly string[]
}

export interface Start {
  readonly example: string
  readonly port: number
  readonly environment: Record<string, string>
  readonly nodeOptions: readonly string[]
}

/** A server that did not start. Its message names the server, the port, and what it printed last. */
export class StartError extends Error {
  readonly portTaken: boolean

  constructor(
    { example, port }: Pick<Start, 'example' | 'port'>,
    why: string,
    log: readonly string[],
  ) {
    const portTaken = log.some((line) => line.includes('EADDRINUSE'))
    const reason = portTaken ? 'the port is taken' : why
    const printed = log.slice(-shownLines).map((line) => `  ${line}`)
    super([`${example} did not start on port ${port}: ${reason}`, ...printed].join('\n'))
    this.name = 'StartError'
    this.portTaken = portTaken
  }
}

const shownLines = 12
const killAfterSeconds = 20

// The server ends with the demo, even if the demo is killed, and is not kept alive by it.
const leashProgram = "process.once('disconnect', () => process.exit()); process.channel?.unref()"
const leash = `data:text/javascript,${encodeURIComponent(leashProgram)}`

/** Starts an example server and waits until it listens, for as long as it makes progress. */
export async function startServer(start: Start, cleanup: Cleanup): Promise<ExampleServer> {
  const { example, port, environment, nodeOptions } = start
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, [...nodeOptions, '--import', leash, 'src/server.ts'], {
    cwd: fileURLToPath(new URL(`../../${example}`, import.meta.url)),
    env: { PATH, PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  cleanup.add(() => stop(child))
  const log: string[] = []
  if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => log.push(line))
  const failure = await Promise.race([listening(child), ended(child), stalled(child, start)])
  if (failure !== undefined) throw new StartError(start, failure, log)
  return { process: child, log }
}

/** Resolves when the server says where it listens: the first thing that it prints. */
async function listening({ stdout }: ChildProcess): Promise<undefined> {
  // Without a process there is no output either, and `ended` says why.
  if (stdout === null) return new Promise(() => {})
  await new Promise((resolve) => stdout.once('data', resolve))
  stdout.resume()
}

/** Why the process is gone, once everything that it printed has been read. */
function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) =>
      resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`),
    )
  })
}

/** Ends a server and waits until it is gone. */
async function stop(child: ChildProcess): Promise<void> {
  const isGone = child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  if (isGone) return
  const exit = once(child, 'exit')
  child.kill()
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterSeconds * 1000)
  await exit
  clearTimeout(timer)
}
