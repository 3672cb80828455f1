import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child, type Turn } from '../child.ts'
import { createFixture } from '../tokens/fixture.ts'
import { alternate, type Effort, type Measured, type Runner } from '../turns.ts'
import { callTool } from './call-tool.ts'
import { type Generation, subjects } from './subjects.ts'

/** Whole calls of a tool over HTTP. */
export interface CallFigures {
  readonly generation: Generation
  readonly calls: readonly Measured[]
}

const people = 200
const clients = 16
const callsEachTurn = 400
const script = new URL('./server.ts', import.meta.url)

/** Calls of a tool that does nothing, so that nothing hides what a server adds to it. */
export async function measureCalls(
  generation: Generation,
  effort: Effort & { readonly warmUpCalls: number },
): Promise<CallFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
  const children: Child[] = []
  try {
    const fixture = await createFixture('RS256', people)
    const file = join(directory, 'fixture.json')
    writeFileSync(file, JSON.stringify(fixture))
    const start = async (subject: string): Promise<Runner> => {
      const own = join(directory, String(children.length))
      mkdirSync(own)
      const child = new Child(script, [generation, subject, file, own])
      children.push(child)
      const port = await child.hear<number>()
      const run = (): Promise<Turn> => callFor(child, { generation, port, tokens: fixture.tokens })
      for (let calls = 0; calls < effort.warmUpCalls; calls += callsEachTurn) await run()
      return { subject, run }
    }
    const runners: Runner[] = []
    for (let n = 0; n < effort.processes; n++)
      for (const subject of subjects) runners.push(await start(subject))
    return { generation, calls: await alternate(runners, effort.rounds) }
  } finally {
    for (const child of children) child.end()
    rmSync(directory, { recursive: true, maxRetries: 3 })
  }
}

interface Server {
  readonly generation: Generation
  readonly port: number
  readonly tokens: readonly string[]
}

async function callFor(child: Child, { generation, port, tokens }: Server): Promise<Turn> {
  const before = await child.ask<number>('usage')
  const started = performance.now()
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  let call = 0
  const client = async (): Promise<void> => {
    while (call < callsEachTurn) {
      const number = call++
      const token = tokens[number % tokens.length] as string
      await callTool({ generation, port, agent, token }, `call-${number}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  const wallMicroseconds = (performance.now() - started) * 1000
  const cpuMicroseconds = (await child.ask<number>('usage')) - before
  return { operations: callsEachTurn, cpuMicroseconds, wallMicroseconds }
}
