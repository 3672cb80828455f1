import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readLog, verifyLog } from '@onbehalf/audit'
import { createTokenMinter } from '@onbehalf/testing'
import { callTool, type Target } from '../../test/e2e/support/call-tool.ts'
import { ada, adasIssuer } from '../../test/e2e/support/guarded-site.ts'
import type { KeepMode } from './modes.ts'

/** What one kill left behind. */
export interface KillResult {
  /** Calls that were answered with what the tool made. */
  readonly acknowledged: number
  /** Those of them that left no intent or no result on the disk. */
  readonly lost: number
  /** Calls on the disk of which nobody knows how they ended. */
  readonly unknownOutcomes: number
  /** Nothing contradicts the log; what was written since the last head is not proven. */
  readonly isWhole: boolean
}

const clients = 50

/** Loads a server with keep-alive clients, kills it at a random moment, and looks at its disk. */
export async function killRun(mode: KeepMode): Promise<KillResult> {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-kill-'))
  try {
    const acknowledged = await loadAndKill(mode, directory)
    return mode.startsWith('strict')
      ? await inspectLog(join(directory, 'log'), acknowledged)
      : inspectLines(join(directory, 'calls.log'), acknowledged)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function loadAndKill(mode: KeepMode, directory: string): Promise<readonly string[]> {
  const minter = await createTokenMinter(adasIssuer)
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(minter.jwks))
  const token = await minter.mint(ada)
  const file = new URL('./server.ts', import.meta.url).pathname
  const options = ['--import', 'tsx', '--conditions=@onbehalf/source']
  const server = spawn(process.execPath, [...options, file, mode, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  try {
    const target = { port: await portOf(server), agent, token }
    const acknowledged: string[] = []
    const load = Array.from({ length: clients }, () => callUntilDead(target, acknowledged))
    await atRandomUnderLoad(acknowledged)
    server.kill('SIGKILL')
    await Promise.all(load)
    return acknowledged
  } finally {
    agent.destroy()
    server.kill('SIGKILL')
  }
}

/** A server that is still warming up has nothing to lose: wait until every client was served. */
async function atRandomUnderLoad(acknowledged: readonly string[]): Promise<void> {
  const patience = AbortSignal.timeout(60_000)
  while (acknowledged.length < clients) {
    patience.throwIfAborted()
    await setTimeout(10)
  }
  await setTimeout(Math.random() * 1_000)
}

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.stdout?.once('data', (data: Buffer) => resolve(Number(data.toString())))
    server.once('error', reject)
    server.once('exit', () => reject(new Error('the server ended before it listened')))
  })
}

async function callUntilDead(target: Target, acknowledged: string[]): Promise<void> {
  for (;;) {
    const call = randomUUID()
    const answer = await callTool(target, call).catch(() => undefined)
    if (answer === undefined) return
    if (!answer.isDone) throw new Error(`a call was refused with ${answer.status}`)
    acknowledged.push(call)
  }
}

async function inspectLog(directory: string, acknowledged: readonly string[]): Promise<KillResult> {
  const report = await verifyLog(directory)
  const intents = new Map<unknown, string>()
  const results = new Set<string>()
  for await (const { event } of readLog(directory)) {
    const { call } = (event.arguments?.value ?? {}) as { call?: unknown }
    if (event.type === 'intent') intents.set(call, event.id)
    else if (event.intent !== undefined) results.add(event.intent)
  }
  const lost = acknowledged.filter((call) => !results.has(intents.get(call) ?? ''))
  return {
    acknowledged: acknowledged.length,
    lost: lost.length,
    unknownOutcomes: report.chains.reduce((sum, chain) => sum + chain.unknownOutcomes, 0),
    isWhole: report.verdict !== 'broken',
  }
}

function inspectLines(file: string, acknowledged: readonly string[]): KillResult {
  const kept = new Set(readLines(file))
  const lost = acknowledged.filter((id) => !kept.has(id)).length
  return { acknowledged: acknowledged.length, lost, unknownOutcomes: 0, isWhole: true }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // Killed before it wrote anything.
    return []
  }
}
