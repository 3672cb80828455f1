import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'

/** Where the Redis for tests is; REDIS_URL names another one. */
export const redisUrl: string = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'

async function findRedis(): Promise<boolean> {
  const client = createClient({ url: redisUrl, socket: { reconnectStrategy: false } })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
    client.destroy()
    return true
  } catch (cause) {
    const line = `no Redis answers at ${redisUrl}: name one with REDIS_URL`
    if (process.env['CI'] === 'true') throw new Error(line, { cause })
    process.stderr.write(`SKIPPED, ${line}\n`)
    return false
  }
}

function findProgram(): boolean {
  const isThere = spawnSync('redis-server', ['--version']).status === 0
  if (!isThere)
    process.stderr.write('SKIPPED, no redis-server program: tests of outages need one\n')
  return isThere
}

/** Whether tests on a running Redis can run. In CI they have to. */
export const hasRedis: boolean = await findRedis()
/** Whether tests can start a Redis of their own, to pause and to kill it. */
export const hasProgram: boolean = findProgram()

/** A Redis of one test. */
export interface OwnRedis {
  readonly url: string
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** Starts a Redis that keeps nothing on disk, on a free port of loopback. */
export async function startRedis(
  settings: readonly string[] = [],
  port?: number,
): Promise<OwnRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'onbehalf-redis-'))
  const chosen = port ?? (await freePort())
  const common = ['--bind', '127.0.0.1', '--port', String(chosen), '--dir', folder]
  const child = spawn(
    'redis-server',
    [...common, '--save', '', '--appendonly', 'no', ...settings],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  const ended = once(child, 'exit')
  await readyLine(child)
  child.stdout?.resume()
  return {
    url: `redis://127.0.0.1:${chosen}`,
    process: child,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function readyLine(child: ChildProcess): Promise<void> {
  let printed = ''
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    printed += String(chunk)
    if (printed.includes('Ready to accept connections')) return
  }
  throw new Error(`redis-server did not start:\n${printed}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** A cluster of one server that has all slots. */
export async function startCluster(): Promise<OwnRedis> {
  const server = await startRedis([
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
  ])
  const client = await createClient({ url: server.url }).connect()
  await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'])
  while (!(await client.sendCommand<string>(['CLUSTER', 'INFO'])).includes('state:ok'));
  client.destroy()
  return server
}
