import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLog, verifyLog } from '@onbehalf/audit'
import type { KeepMode } from './modes.ts'

/** What one kill left behind. */
export interface KillResult {
  /** Calls that were answered with 200. */
  readonly acknowledged: number
  /** Those of them that left no intent or no result on the disk. */
  readonly lost: number
  /** Calls on the disk of which nobody knows how they ended. */
  readonly unknownOutcomes: number
  readonly isIntact: boolean
}

const clients = 50

/** Loads a server with keep-alive clients, kills it at a random moment, and looks at its disk. */
export async function killRun(mode: KeepMode): Promise<KillResult> {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-kill-'))
  try {
    const acknowledged = await loadAndKill(mode, directory)
    return mode === 'strict'
      ? await inspectLog(join(directory, 'log'), acknowledged)
      : inspectLines(join(directory, 'calls.log'), acknowledged)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function loadAndKill(mode: KeepMode, directory: string): Promise<readonly string[]> {
  const file = new URL('./server.ts', import.meta.url).pathname
  const options = ['--import', 'tsx', '--conditions=@onbehalf/source']
  const server = spawn(process.execPath, [...options, file, mode, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const port = await portOf(server)
    const agent = new Agent({ keepAlive: true, maxSockets: clients })
    const acknowledged: string[] = []
    const load = Array.from({ length: clients }, () => callUntilDead(port, agent, acknowledged))
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1_000))
    server.kill('SIGKILL')
    await Promise.all(load)
    agent.destroy()
    return acknowledged
  } finally {
    server.kill('SIGKILL')
  }
}

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.stdout?.once('data', (data: Buffer) => resolve(Number(data.toString())))
    server.once('error', reject)
    server.once('exit', () => reject(new Error('the server ended before it listened')))
  })
}

async function callUntilDead(port: number, agent: Agent, acknowledged: string[]): Promise<void> {
  for (;;) {
    const id = await call(port, agent)
    if (id === undefined) return
    acknowledged.push(id)
  }
}

/** The id of an acknowledged call, or undefined when nobody answers any more. */
function call(port: number, agent: Agent): Promise<string | undefined> {
  return new Promise((resolve) => {
    const path = `/${randomUUID()}`
    const request = get({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response.on('data', (data: Buffer) => {
        body += data.toString()
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve(response.statusCode === 200 ? body : undefined))
    })
    request.on('error', () => resolve(undefined))
  })
}

async function inspectLog(directory: string, acknowledged: readonly string[]): Promise<KillResult> {
  const report = await verifyLog(directory)
  const intents = new Set<string>()
  const results = new Set<string>()
  for await (const { event } of readLog(directory)) {
    if (event.type === 'intent') intents.add(event.id)
    else if (event.intent !== undefined) results.add(event.intent)
  }
  const lost = acknowledged.filter((id) => !intents.has(id) || !results.has(id))
  return {
    acknowledged: acknowledged.length,
    lost: lost.length,
    unknownOutcomes: report.chains.reduce((sum, chain) => sum + chain.unknownOutcomes, 0),
    isIntact: report.ok,
  }
}

function inspectLines(file: string, acknowledged: readonly string[]): KillResult {
  const kept = new Set(readLines(file))
  const lost = acknowledged.filter((id) => !kept.has(id)).length
  return { acknowledged: acknowledged.length, lost, unknownOutcomes: 0, isIntact: true }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // Killed before it wrote anything.
    return []
  }
}
