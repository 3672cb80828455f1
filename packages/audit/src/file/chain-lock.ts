import { readdirSync, readFileSync, readlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isRecord } from '@onbehalf/core/internal'

/** Holds a chain for one writer. */
export interface ChainLock {
  release(): void
}

interface Owner {
  /** For the operator who looks at the file. Decides nothing: containers may share a name. */
  readonly host: string
  readonly pid: number
  /** Where the process id counts, see {@link pidSpace}. */
  readonly space: string
  /** When the process started: a process id is used again. */
  readonly started: string
}

/**
 * Takes the lock of a chain, or undefined where a writer has it that may be alive.
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
    .map((name) => name.slice(prefix.length))
    .filter((digits) => /^[1-9]\d{0,14}$/.test(digits))
    .map(Number)
    .toSorted((a, b) => a - b)
}

function create(path: string): boolean {
  const { pid } = process
  const owner: Owner = {
    host: hostname(),
    pid,
    space: pidSpace(),
    started: startOf(pid) ?? '',
  }
  try {
    writeFileSync(path, JSON.stringify(owner), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    // A full disk takes the name and not the text: nobody could tell whose lock it is.
    unlinkIfThere(path)
    throw error
  }
}

// A lock without an owner is being written, or its writer died at it: the chain is left alone.
function isHeld(path: string): boolean {
  const owner = readOwner(path)
  return owner === undefined || !isDead(owner)
}

function readOwner(path: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isRecord(owner) ? (owner as unknown as Owner) : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether the owner has ended for certain. A process of another host, boot or container cannot be
 * seen, whatever its host is called: its chain stays its own.
 */
function isDead({ pid, space, started }: Owner): boolean {
  if (space === '' || space !== pidSpace()) return false
  const found = startOf(pid)
  if (found !== undefined) return found !== started
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/**
 * Boot of the host and namespace of process ids (pid_namespaces(7)): within both, a process id and
 * the time of its start name one process. Empty on systems without them.
 */
function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

/** When a process started, in ticks since the boot (proc(5)); undefined where nobody tells. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; the start time is the 22nd field of all.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
