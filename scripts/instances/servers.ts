import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { build } from 'esbuild'

/** What an instance is started with. */
export interface InstanceSettings {
  readonly port: number
  readonly resource: string
  readonly issuer: string
  readonly prefix: string
  readonly redisUrl: string
  readonly postgresUrl: string
  readonly keyFile: string
  /** Where it keeps its audit trail; without one, in Postgres. */
  readonly directory?: string
  /** Calls of the limited tool that a user has. */
  readonly points: number
}

const own = new Set<ChildProcess>()

/** Ends every process that was started here. */
export function endAll(): void {
  for (const child of own) child.kill('SIGKILL')
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  own.add(child)
  child.once('exit', () => own.delete(child))
  return child
}

/** Resolves when the process has printed `text`. */
async function untilPrinted(child: ChildProcess, text: string): Promise<ChildProcess> {
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const read = (data: Buffer): void => {
      if (printed.includes(text)) return
      printed += String(data)
      if (printed.includes(text)) resolve()
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', () => reject(new Error(`a process ended:\n${printed}`)))
  })
  return child
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

/** Makes one file of an instance, so that one that was killed is back soon. */
export async function bundleInstance(outfile: string): Promise<void> {
  await build({
    entryPoints: [new URL('./instance.ts', import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@onbehalf/source'],
    external: ['pg-native'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
    },
  })
}

export function startInstance(file: string, settings: InstanceSettings): Promise<ChildProcess> {
  const child = start(process.execPath, [file, JSON.stringify(settings)])
  return untilPrinted(child, 'listening')
}

/** A Redis that has on its disk what it has acknowledged. */
export function startRedis(directory: string, port: number): Promise<ChildProcess> {
  mkdirSync(directory, { recursive: true })
  const where = ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory]
  const kept = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
  return untilPrinted(start('redis-server', [...where, ...kept]), 'Ready to accept connections')
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Postgres does not run as root. */
const owner = process.getuid?.() === 0 ? 'postgres' : undefined

function asOwner(program: string, args: readonly string[]): [string, readonly string[]] {
  return owner === undefined
    ? [program, args]
    : ['setpriv', [`--reuid=${owner}`, `--regid=${owner}`, '--clear-groups', program, ...args]]
}

const ready = 'database system is ready to accept'

/** A primary with a synchronous standby, and one address that leads to the primary. */
export class PostgresPair {
  readonly #directory: string
  readonly #ports: readonly [number, number]
  #primary: ChildProcess | undefined
  #target: number
  readonly #sockets = new Set<Socket>()
  readonly #door: Server
  readonly port: number

  private constructor(directory: string, ports: readonly [number, number], port: number) {
    this.#directory = directory
    this.#ports = ports
    this.#target = ports[0]
    this.port = port
    this.#door = createServer((socket) => this.#forward(socket)).listen(port, '127.0.0.1')
  }

  static async start(directory: string): Promise<PostgresPair> {
    mkdirSync(directory)
    if (owner !== undefined) {
      const id = (kind: string): number => Number(execFileSync('id', [kind, owner]))
      chownSync(directory, id('-u'), id('-g'))
      chmodSync(directory, 0o700)
    }
    const ports = [await freePort(), await freePort()] as const
    const pair = new PostgresPair(directory, ports, await freePort())
    await pair.#startBoth()
    return pair
  }

  async #startBoth(): Promise<void> {
    const [first, second] = [join(this.#directory, 'a'), join(this.#directory, 'b')]
    execFileSync(...asOwner('initdb', ['-D', first, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8']))
    this.#primary = await this.#serve(first, this.#ports[0], 'standby')
    const from = ['-h', '127.0.0.1', '-p', String(this.#ports[0]), '-U', 'postgres']
    const how = ['-R', '-X', 'stream', '-c', 'fast', '-D', second]
    execFileSync(...asOwner('pg_basebackup', [...from, ...how]), { stdio: 'ignore' })
    await this.#serve(second, this.#ports[1], '')
  }

  #serve(directory: string, port: number, standbys: string): Promise<ChildProcess> {
    const set = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
    const also = [`synchronous_standby_names=${standbys === '' ? '' : '*'}`, 'shared_buffers=32MB']
    const args = ['-D', directory, ...[...set, ...also].flatMap((setting) => ['-c', setting])]
    return untilPrinted(start(...asOwner('postgres', args)), ready)
  }

  #forward(socket: Socket): void {
    const there = connect(this.#target, '127.0.0.1')
    this.#sockets.add(socket)
    const close = (): void => {
      this.#sockets.delete(socket)
      socket.destroy()
      there.destroy()
    }
    for (const one of [socket, there]) one.on('error', close).on('close', close)
    socket.pipe(there).pipe(socket)
  }

  /** Kills the primary, promotes the standby, and lets the address lead there. */
  async failOver(): Promise<void> {
    if (this.#primary !== undefined) await end(this.#primary, 'SIGQUIT')
    for (const socket of this.#sockets) socket.destroy()
    await setTimeout(1000)
    const standby = join(this.#directory, 'b')
    execFileSync(...asOwner('pg_ctl', ['promote', '-D', standby, '-w']), { stdio: 'ignore' })
    this.#target = this.#ports[1]
  }

  close(): void {
    this.#door.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
