import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Holds a chain for one writer. */
export interface ChainLock {
  release(): void
}

interface Owner {
  readonly host: string
  readonly pid: number
  /** When the process started, where the system tells: a process id is used again. */
  readonly started: string
}

/**
 * Takes the lock of a chain, or undefined where a living writer has it.
 *
 * A lock is the file with the highest number among `<chain>.lock.<n>`. A dead owner's lock is never
 * removed to be made again, which two processes could both do: the next number is created, which
 * only one can.
 */
export function lockChain(directory: string, chain: string): ChainLock | undefined {
  const numbers = lockNumbers(directory, chain)
  const last = numbers.at(-1) ?? 0
  if (last > 0 && isHeld(lockPath(directory, chain, last))) return undefined
  const path = lockPath(directory, chain, last + 1)
  if (!create(path)) return undefined
  const lock = { release: () => unlinkIfThere(path) }
  if (lockNumbers(directory, chain).at(-1) !== last + 1) {
    lock.release()
    return undefined
  }
  for (const number of numbers) unlinkIfThere(lockPath(directory, chain, number))
  return lock
}

function lockPath(directory: string, chain: string, number: number): string {
  return join(directory, `${chain}.lock.${number}`)
}

function lockNumbers(directory: string, chain: string): readonly number[] {
  const prefix = `${chain}.lock.`
  return readdirSync(directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isSafeInteger)
    .toSorted((a, b) => a - b)
}

function create(path: string): boolean {
  const owner: Owner = { host: hostname(), pid: process.pid, started: startOf(process.pid) }
  try {
    writeFileSync(path, JSON.stringify(owner), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

// A lock without text is being written, or its writer died at it: the chain is left alone.
function isHeld(path: string): boolean {
  const owner = readOwner(path)
  return owner === undefined || isAlive(owner)
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner
  } catch {
    return undefined
  }
}

function isAlive({ host, pid, started }: Owner): boolean {
  // Whether a process on another host is alive cannot be seen: its chain stays its own.
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
  return started === '' || started === startOf(pid)
}

/** Boot and start time of a process on Linux, empty elsewhere. */
function startOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; the start time is the 22nd field of all.
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return ''
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
