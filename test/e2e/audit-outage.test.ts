import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileSink, verifyLog } from '@onbehalf/audit'
import { afterEach, describe, expect, it } from 'vitest'
import { startAuditedSite } from './support/audited-site.ts'
import type { ToolAnswer } from './support/call-tool.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
})

/** A separate file system that holds little, where this process may make one. */
function mountSmall(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'onbehalf-full-'))
  cleanups.push(() => rmSync(directory, { recursive: true }))
  try {
    const options = ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', directory]
    execFileSync('mount', options, { stdio: 'ignore' })
  } catch {
    return undefined
  }
  cleanups.push(() => execFileSync('umount', ['-l', directory]))
  return directory
}

function fill(directory: string): string {
  const { bavail, bsize } = statfsSync(directory)
  const file = join(directory, 'filler')
  writeFileSync(file, Buffer.alloc(bavail * bsize))
  return file
}

describe('a full disk', () => {
  it('T2 answers 503 and runs nothing until there is room again', async ({ skip }) => {
    const disk = mountSmall()
    if (disk === undefined) return skip('this process may not mount a file system')
    const sink = fileSink({ directory: join(disk, 'log'), signer: null })
    const site = await startAuditedSite({ sink })
    expect(await site.call('before')).toEqual({ status: 200, isDone: true })
    const filler = fill(disk)
    const refused: ToolAnswer[] = []
    // A page of the file that was begun may still take a record or two.
    for (let call = 0; call < 20; call++) refused.push(await site.call(`full ${call}`))
    const done = refused.filter(({ isDone }) => isDone).length
    expect(done).toBeLessThan(10)
    expect(new Set(refused.slice(10).map(({ status }) => status))).toEqual(new Set([503]))
    rmSync(filler)
    expect(await site.call('after')).toEqual({ status: 200, isDone: true })
    expect(site.ran.filter((name) => name.startsWith('full'))).toHaveLength(done)
    expect(await verifyLog(join(disk, 'log'))).toMatchObject({ ok: true })
  })

  it('T2 answers 503 and runs nothing while a file takes no bytes', async () => {
    let file = '/dev/full'
    const directory = mkdtempSync(join(tmpdir(), 'onbehalf-full-'))
    cleanups.push(() => rmSync(directory, { recursive: true }))
    const site = await startAuditedSite({
      sink: (event) => appendFile(file, `${JSON.stringify(event)}\n`),
    })
    expect(await site.call('first')).toEqual({ status: 503, isDone: false })
    expect(site.ran).toEqual([])
    file = join(directory, 'log')
    expect(await site.call('second')).toEqual({ status: 200, isDone: true })
    expect(site.ran).toEqual(['second'])
  })
})

describe('T3 a sink that takes connections and never answers', () => {
  it('T3 is given up in time, within bounds, and taken again when it answers', async () => {
    const sockets: Socket[] = []
    let isHole = true
    const sinkServer = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      if (!isHole) socket.end('kept')
    })
    await new Promise<void>((resolve) => sinkServer.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy()
      sinkServer.close()
    })
    const { port } = sinkServer.address() as AddressInfo
    let waiting = 0
    const site = await startAuditedSite({
      timeoutSeconds: 0.3,
      maxPending: 20,
      sink: () => {
        waiting += 1
        return new Promise((resolve, reject) => {
          const socket = connect(port, '127.0.0.1')
          socket.once('data', () => resolve())
          socket.once('error', reject)
          socket.once('close', () => reject(new Error('closed')))
        })
      },
    })
    const calls = Array.from({ length: 100 }, (_, call) => site.call(`hole ${call}`))
    const answers = await Promise.all(calls)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(site.ran).toEqual([])
    // What is beyond the bound is not even handed to the sink.
    expect(waiting).toBe(20)
    isHole = false
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => site.call('after')).toMatchObject({ isDone: true })
  })
})
