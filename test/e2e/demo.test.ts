import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createCleanup } from '../../examples/demo/src/cleanup.ts'
import { startServer } from '../../examples/demo/src/example-server.ts'
import { freePorts, portsFrom, takenPorts } from '../../examples/demo/src/ports.ts'
import { startWorld } from '../../examples/demo/src/world.ts'
import { nodeOptions } from './support/run-world.ts'

// Each starts processes; a busy computer may take its time.
vi.setConfig({ testTimeout: 300_000 })
const patience = { timeout: 280_000, interval: 100 }

const main = fileURLToPath(new URL('../../examples/demo/src/main.ts', import.meta.url))

describe('the demo', () => {
  it('names every port that another process has, and starts nothing', async () => {
    const first = await portsInRow()
    await occupy(first + 2)
    const demo = start('--serve', '--port', String(first))
    expect(await demo.end()).toEqual([1, null])
    expect(await demo.errors).toBe(
      `demo: taken by another process: port ${first + 2} (forwarded); choose others with --port NUMBER\n`,
    )
    expect(demo.leftFolders()).toEqual([])
  })

  it('makes every call as expected, runs until it is interrupted, and leaves nothing behind', async () => {
    const first = await portsInRow()
    const demo = start('--serve', '--port', String(first))
    await demo.prints(' refused, 0 unexpected')
    await demo.prints('Everything keeps running')
    demo.process.kill('SIGINT')
    expect(await demo.end()).toEqual([0, null])
    expect(await takenPorts(portsFrom(first))).toEqual([])
    expect(demo.leftFolders()).toEqual([])
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('stops what it has started when %s comes at start-up', async (signal, code) => {
    const first = await portsInRow()
    const demo = start('--serve', '--port', String(first))
    await vi.waitFor(() => expect(demo.leftFolders()).toHaveLength(1), patience)
    demo.process.kill(signal)
    expect(await demo.end()).toEqual([code, null])
    expect(await demo.errors).toBe('')
    expect(await takenPorts(portsFrom(first))).toEqual([])
    expect(demo.leftFolders()).toEqual([])
  })

  it('takes its servers with it when it is killed', async () => {
    const first = await portsInRow()
    const demo = start('--serve', '--port', String(first))
    await vi.waitFor(() => expect(demo.leftFolders()).toHaveLength(1), patience)
    await vi.waitFor(
      async () => expect(await takenPorts(portsFrom(first))).not.toEqual([]),
      patience,
    )
    demo.process.kill('SIGKILL')
    await demo.end()
    await vi.waitFor(async () => expect(await takenPorts(portsFrom(first))).toEqual([]), patience)
  })

  it('refuses an option that it does not know', async () => {
    const demo = start('--sreve')
    expect(await demo.end()).toEqual([1, null])
    expect(await demo.errors).toMatch(/^demo: Unknown option '--sreve'/)
  })
})

describe('what does not start', () => {
  it('is named with its port, and everything else is stopped', async () => {
    const ports = await freePorts()
    await occupy(ports.enriched)
    const starting = startWorld(ports, createCleanup(), nodeOptions)
    await expect(starting).rejects.toThrow(
      `enriched-claims did not start on port ${ports.enriched}: the port is taken\n`,
    )
    expect(await takenPorts({ ...ports, enriched: 0 })).toEqual([])
  })

  it('is named when it is the gateway', async () => {
    const ports = await freePorts()
    await occupy(ports.gateway)
    await expect(startWorld(ports, createCleanup(), nodeOptions)).rejects.toThrow(
      `the gateway did not start on port ${ports.gateway}: the port is taken\n`,
    )
    expect(await takenPorts({ ...ports, gateway: 0 })).toEqual([])
  })

  it('is named with what it printed last', async () => {
    const { direct: port } = await freePorts()
    const cleanup = createCleanup()
    onTestFinished(() => cleanup.run())
    const server = { example: 'direct-token', port, environment: {}, nodeOptions }
    const refusal: unknown = await startServer(server, cleanup).catch((error: unknown) => error)
    expect(String(refusal)).toMatch(
      new RegExp(`direct-token did not start on port ${port}: it ended with code 1\n`),
    )
    expect(String(refusal)).toContain('Error: ISSUER is not set')
  })
})

describe('cleaning up', () => {
  it('undoes the last thing first, and goes through all of it', async () => {
    const reported = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => reported.mockRestore())
    const undone: string[] = []
    const cleanup = createCleanup()
    cleanup.add(() => undone.push('first'))
    cleanup.add(() => {
      throw new Error('cannot')
    })
    cleanup.add(async () => undone.push('last'))
    await Promise.all([cleanup.run(), cleanup.run()])
    expect(undone).toEqual(['last', 'first'])
    expect(reported).toHaveBeenCalledWith('demo: while stopping: Error: cannot')
  })

  it('undoes at once what comes too late', async () => {
    const cleanup = createCleanup()
    await cleanup.run()
    const task = vi.fn<() => void>()
    cleanup.add(task)
    expect(task).toHaveBeenCalledOnce()
  })
})

interface Demo {
  readonly process: ChildProcess
  readonly errors: Promise<string>
  /** Resolves once it has printed this. */
  prints(words: string): Promise<void>
  /** Exit code and signal. */
  end(): Promise<unknown[]>
  /** Its folders that are still there. */
  leftFolders(): string[]
}

/** Starts the demo with a folder for temporary files that nothing else uses. */
function start(...args: string[]): Demo {
  const scratch = mkdtempSync(join(tmpdir(), 'demo-test-'))
  const child = spawn(process.execPath, [...nodeOptions, main, ...args], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(scratch, { recursive: true, force: true })
  })
  const ended = once(child, 'exit')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part
  })
  return {
    process: child,
    errors: text(child.stderr),
    prints: (words) => vi.waitFor(() => expect(output).toContain(words), patience),
    end: () => ended,
    leftFolders: () => readdirSync(scratch).filter((name) => name.startsWith('onbehalf-demo-')),
  }
}

/** The first of as many free ports in a row as the demo needs. */
async function portsInRow(): Promise<number> {
  for (;;) {
    const { gateway: first } = await freePorts()
    if ((await takenPorts(portsFrom(first))).length === 0) return first
  }
}

async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}
