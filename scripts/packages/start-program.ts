import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A program that somebody could have started in a terminal. */
export interface Started {
  /** Resolves when the program has ended. */
  readonly ended: Promise<unknown>
  /** What it printed so far. */
  output(): string
  /** Resolves with the first match in what it prints; with nothing when it ended without one. */
  prints(pattern: RegExp): Promise<RegExpExecArray | undefined>
  /** Resolves with the port that `play-issuers.mjs` reports; with nothing when it ended before. */
  port(): Promise<number | undefined>
  /** @returns whether it ended by this signal within so many seconds; else it is killed. */
  stop(signal?: NodeJS.Signals, seconds?: number): Promise<boolean>
}

interface StartOptions {
  /** Modules to load before it. */
  readonly preload?: readonly string[]
  readonly cwd?: string
}

/** Starts a program of Node, whose environment has these variables and no other. */
export function startProgram(
  file: string,
  environment: Readonly<Record<string, string>>,
  { preload = [], cwd = dirname(file) }: StartOptions = {},
): Started {
  const { PATH = '', HOME = '' } = process.env
  const imports = [...preload, 'tsx'].flatMap((name) => ['--import', name])
  const child = spawn(process.execPath, [...imports, file], {
    cwd,
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  const orEnd = <T>(waiting: Promise<T>): Promise<T | undefined> =>
    Promise.race([waiting, ended.then(() => undefined)])
  return {
    ended,
    output: () => output,
    prints: (pattern) => orEnd(matched(child, pattern, () => output)),
    port: () => orEnd(once(child, 'message').then(([port]) => Number(port))),
    stop: (signal = 'SIGKILL', seconds = 30) => stop(child, signal, seconds),
  }
}

async function matched(
  child: ChildProcess,
  pattern: RegExp,
  output: () => string,
): Promise<RegExpExecArray | undefined> {
  let match: RegExpExecArray | null = null
  while (match === null && child.exitCode === null && child.signalCode === null) {
    await delay(50)
    match = pattern.exec(output())
  }
  return match ?? undefined
}

async function stop(
  child: ChildProcess,
  signal: NodeJS.Signals,
  seconds: number,
): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return false
  const closed = once(child, 'close')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  await closed
  clearTimeout(timer)
  return signal === 'SIGKILL' || child.signalCode !== 'SIGKILL'
}

/** Whether a page shows with this line what the operator sees in the log. */
export function isForOperator(line: string): boolean {
  return /^(?:\{"type":|refused[ :]|keys_loaded |(?:allow|deny) {2,})/.test(line)
}

/** Whether the program prints a text, if it has a little more time. */
export async function printedSoon(started: Started, text: string, seconds = 10): Promise<boolean> {
  const end = Date.now() + seconds * 1000
  while (!started.output().includes(text)) {
    if (Date.now() > end) return false
    await delay(50)
  }
  return true
}

/** Variables that a program prints for the reader to paste. */
export function exportsIn(output: string): Record<string, string> {
  const lines = output.split('\n').filter((line) => line.startsWith('export '))
  const pairs = lines.join(' ').matchAll(/(\w+)=(?:'([^']*)'|(\S+))/g)
  return Object.fromEntries([...pairs].map(([, name, quoted, bare]) => [name, quoted ?? bare]))
}
