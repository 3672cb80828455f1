/**
 * Calls of a tool over HTTP by 50 keep-alive clients: what guarding and recording them costs.
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
import { printLatencies } from './latencies.ts'

const clients = 50
const callsEach = 4
const kinds: readonly ServerKind[] = ['bare', 'guarded', 'guarded, pino', 'guarded, strict audit']

const directory = mkdtempSync(join(tmpdir(), 'onbehalf-bench-'))
const minter = await createTokenMinter(adasIssuer)
writeFileSync(join(directory, 'jwks.json'), JSON.stringify(minter.jwks))
const token = await minter.mint(ada, { expiresInSeconds: 3600 })
const servers: ChildProcess[] = []
const latencies = new Map<ServerKind, number[]>(kinds.map((kind) => [kind, []]))

async function start(kind: ServerKind): Promise<Target> {
  const script = new URL('./audited-server.ts', import.meta.url).pathname
  const server = spawn(process.execPath, [...process.execArgv, script, kind, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  servers.push(server)
  const [port] = (await once(server.stdout, 'data')) as [Buffer]
  return { port: Number(port), agent: new Agent({ keepAlive: true, maxSockets: clients }), token }
}

async function load(kind: ServerKind, target: Target): Promise<void> {
  const oneClient = async (): Promise<void> => {
    for (let call = 0; call < callsEach; call++) {
      const started = performance.now()
      const { isDone, status } = await callTool(target, 'invoices')
      if (!isDone) throw new Error(`${kind} answered ${status}`)
      latencies.get(kind)?.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: clients }, oneClient))
}

try {
  const targets = new Map<ServerKind, Target>()
  for (const kind of kinds) targets.set(kind, await start(kind))
  const contenders = [...targets].map(([name, target]) => ({
    name,
    run: () => load(name, target),
  }))
  await compare(`tools/call by ${clients} clients`, contenders)
  printLatencies(latencies)
  for (const { agent } of targets.values()) agent.destroy()
} finally {
  for (const server of servers) server.kill()
  rmSync(directory, { recursive: true })
}
