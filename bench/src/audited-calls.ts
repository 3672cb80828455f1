/**
 * Calls of a tool over HTTP by 50 persons with keep-alive connections: what guarding and recording
 * them costs. First of a tool that does nothing, so that nothing hides it, then of tools that take
 * their time, as those that ask another service: half to one and a half of 20, 50 and 100 ms.
 *
 * Each server runs in several processes, which take turns: two processes with the same code differ
 * by a tenth, for as long as they live.
 *
 * The servers run on the built packages: what runs TypeScript gives every function a name at run
 * time, which costs more than a guard.
 *
 *   pnpm --filter bench audit:calls
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenMinter } from '@onbehalf/testing'
import { callTool, type Target } from '../../test/e2e/support/call-tool.ts'
import { ada, adasIssuer } from '../../test/e2e/support/guarded-site.ts'
import type { ServerKind } from './audited-server.ts'
import { compare } from './compare.ts'
import { printLatencies, printMedians } from './print-ratios.ts'

const clients = 50
const callsEach = 10
const secondsPerTurn = 2
const processesEach = 2
// Until calls are as fast as they will be; a guarded server takes longer to get there than a bare one.
const warmUpCalls = 10_000
/** How long a call of the tool takes on average. */
const toolMilliseconds = [0, 20, 50, 100]
const kinds: readonly ServerKind[] = [
  'bare',
  'bare, tokens verified by jose',
  'guarded',
  'guarded, pino',
  'guarded, strict audit',
]

/** One process of a server, and what is known of it. */
class ServerProcess {
  readonly kind: ServerKind
  readonly process: ChildProcess
  readonly latencies: number[] = []
  /** Milliseconds of processor time for one call, turn by turn. */
  readonly times: number[] = []
  #port = 0

  constructor(kind: ServerKind, directory: string, milliseconds: number) {
    this.kind = kind
    const script = new URL('./audited-server.ts', import.meta.url).pathname
    const args = [...process.execArgv, script, kind, directory, String(milliseconds)]
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    this.process = spawn(process.execPath, args, { stdio: [...stdio] })
  }

  async listening(): Promise<void> {
    const [port] = (await once(this.process, 'message')) as [number]
    this.#port = port
  }

  /** Until the server runs as fast as it will; what was measured meanwhile does not count. */
  async warmUp(tokens: readonly string[]): Promise<void> {
    for (let call = 0; call < warmUpCalls; call += clients * callsEach) await this.run(tokens)
    this.latencies.length = 0
    this.times.length = 0
  }

  /** Every person calls a few times, one call after the other. */
  async run(tokens: readonly string[]): Promise<void> {
    const before = await this.#usage()
    const agent = new Agent({ keepAlive: true, maxSockets: clients })
    await Promise.all(tokens.map((token) => this.#callAs({ port: this.#port, agent, token })))
    agent.destroy()
    this.times.push(((await this.#usage()) - before) / (tokens.length * callsEach))
  }

  async #callAs(target: Target): Promise<void> {
    for (let call = 0; call < callsEach; call++) {
      const started = performance.now()
      const { isDone, status } = await callTool(target, 'invoices')
      if (!isDone) throw new Error(`${this.kind} answered ${status}`)
      this.latencies.push(performance.now() - started)
    }
  }

  async #usage(): Promise<number> {
    this.process.send('usage')
    const [milliseconds] = (await once(this.process, 'message')) as [number]
    return milliseconds
  }
}

async function compareServers(milliseconds: number): Promise<void> {
  const started: ServerProcess[] = []
  const start = async (kind: ServerKind): Promise<ServerProcess> => {
    const process = new ServerProcess(kind, makeDirectory(), milliseconds)
    started.push(process)
    await process.listening()
    await process.warmUp(tokens)
    return process
  }
  const of = (kind: ServerKind) => started.filter((process) => process.kind === kind)
  const gather = (measured: 'latencies' | 'times') =>
    new Map(kinds.map((kind) => [kind, of(kind).flatMap((process) => process[measured])]))
  try {
    for (const kind of kinds) for (let n = 0; n < processesEach; n++) await start(kind)
    await compare(
      `tools/call by ${clients} persons, of a tool that takes ${milliseconds} ms`,
      kinds.map((name) => ({ name, run: inTurn(of(name), (process) => process.run(tokens)) })),
      secondsPerTurn,
    )
    printLatencies(gather('latencies'))
    printMedians('processor time of the server for a call', gather('times'))
  } finally {
    for (const { process } of started) process.kill()
  }
}

/** Each time with the next one. */
function inTurn<T>(all: readonly T[], work: (one: T) => Promise<void>): () => Promise<void> {
  let turn = 0
  return () => work(all[turn++ % all.length] as T)
}

/** Of a process's own: two do not share a log. */
function makeDirectory(): string {
  const own = mkdtempSync(join(directory, 'server-'))
  writeFileSync(join(own, 'jwks.json'), JSON.stringify(minter.jwks))
  return own
}

const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
const minter = await createTokenMinter(adasIssuer)
const tokens = await Promise.all(
  Array.from({ length: clients }, (_, at) =>
    minter.mint({ ...ada, sub: `person-${at}` }, { expiresInSeconds: 3600 }),
  ),
)

try {
  for (const milliseconds of toolMilliseconds) await compareServers(milliseconds)
} finally {
  rmSync(directory, { recursive: true })
}
