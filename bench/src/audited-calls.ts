/**
 * Calls of a tool over HTTP by 50 persons with keep-alive connections: what guarding and recording
 * them costs. First of a tool that does nothing, so that nothing hides it, then of tools that take
 * their time, as those that ask another service: half to one and a half of 20, 50 and 100 ms.
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
const warmUpCalls = 5_000
/** How long a call of the tool takes on average. */
const toolMilliseconds = [0, 20, 50, 100]
const kinds: readonly ServerKind[] = [
  'bare',
  'bare, tokens verified by jose',
  'guarded',
  'guarded, pino',
  'guarded, strict audit',
]

/** One of the servers, and what is known of it. */
class Contender {
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
  const contenders: Contender[] = []
  try {
    for (const kind of kinds) {
      const contender = new Contender(kind, directory, milliseconds)
      contenders.push(contender)
      await contender.listening()
      await contender.warmUp(tokens)
    }
    await compare(
      `tools/call by ${clients} persons, of a tool that takes ${milliseconds} ms`,
      contenders.map((contender) => ({ name: contender.kind, run: () => contender.run(tokens) })),
      secondsPerTurn,
    )
    printLatencies(new Map(contenders.map(({ kind, latencies }) => [kind, latencies])))
    const times = new Map(contenders.map((contender) => [contender.kind, contender.times]))
    printMedians('processor time of the server for a call', times)
  } finally {
    for (const contender of contenders) contender.process.kill()
  }
}

const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
const minter = await createTokenMinter(adasIssuer)
writeFileSync(join(directory, 'jwks.json'), JSON.stringify(minter.jwks))
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
