import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileSink, verifyLog } from '@onbehalf/audit'
import { describe, expect, it } from 'vitest'
import { eventOf } from '../support/events.ts'
import { newDirectory, writeLog } from '../support/log.ts'

type Owner = Readonly<Record<string, unknown>>

/** What this process writes into the lock of its chain, and the chain. */
async function ownLock(): Promise<{ owner: Owner; chain: string }> {
  const directory = newDirectory()
  const sink = fileSink({ directory, signer: null })
  await sink.ready()
  const [lock = ''] = readdirSync(directory).filter((name) => name.includes('.lock.'))
  const owner = JSON.parse(readFileSync(join(directory, lock), 'utf8')) as Owner
  await sink.close()
  return { owner, chain: lock.slice(0, 16) }
}

/** A process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

/** How many chains there are after a process found one under this lock. */
async function chainsBeside(lock: string, number = '1'): Promise<number> {
  const directory = newDirectory()
  await writeLog(directory, 1)
  const [heads = ''] = readdirSync(directory).filter((name) => name.endsWith('.heads.jsonl'))
  writeFileSync(join(directory, `${heads.slice(0, 16)}.lock.${number}`), lock)
  await writeLog(directory, 1)
  return (await verifyLog(directory)).chains.length
}

describe.runIf(process.platform === 'linux')('T6 a chain whose lock was left', () => {
  it.each<[string, (owner: Owner) => unknown]>([
    ['a process that has ended', (owner) => ({ ...owner, pid: deadPid() })],
    ['a process whose id is used again', (owner) => ({ ...owner, started: '1' })],
    [
      'a process that has ended, under another name of the host',
      (owner) => ({ ...owner, pid: deadPid(), host: 'before' }),
    ],
  ])('T6 by %s is continued', async (_, change) => {
    const { owner } = await ownLock()
    expect(await chainsBeside(JSON.stringify(change(owner)))).toBe(1)
  })

  it.each<[string, (owner: Owner) => unknown]>([
    ['a process that runs', (owner) => owner],
    [
      'another container of this host, with this name and an id that nobody has here',
      (owner) => ({ ...owner, pid: deadPid(), space: `${String(owner['space'])}0` }),
    ],
    [
      'another container, with the id of a process that runs here',
      (owner) => ({ ...owner, space: String(owner['space']).replace(/\d+\]$/, '1]') }),
    ],
    [
      'another machine with this name',
      (owner) => ({ ...owner, pid: deadPid(), space: 'another-boot/pid:[1]' }),
    ],
    [
      'a system that does not distinguish processes',
      (owner) => ({ ...owner, pid: deadPid(), space: '' }),
    ],
    ['a version that named host and process alone', () => ({ host: hostname(), pid: deadPid() })],
    ['nobody', () => ({})],
    ['null', () => null],
    ['a list', () => []],
  ])('T6 by %s is left alone', async (_, change) => {
    const { owner } = await ownLock()
    expect(await chainsBeside(JSON.stringify(change(owner)))).toBe(2)
  })

  it('T6 and never written is left alone', async () => {
    expect(await chainsBeside('')).toBe(2)
  })

  it.each(['', '0', '01', '1e3', '0x10', ' 1', '1.5', 'x'])(
    'T6 is continued if what follows `.lock.` is not a number: %j',
    async (number) => {
      expect(await chainsBeside('', number)).toBe(1)
    },
  )

  it.each([
    ['a process that runs', 2, 3],
    ['a process that has ended', 1, 0],
  ] as const)(
    'T6 several times counts as that of the highest number: %s',
    async (who, chains, left) => {
      const { owner } = await ownLock()
      const dead = { ...owner, pid: deadPid() }
      const isAlive = who === 'a process that runs'
      const directory = newDirectory()
      await writeLog(directory, 1)
      const [heads = ''] = readdirSync(directory).filter((name) => name.endsWith('.heads.jsonl'))
      const lock = join(directory, `${heads.slice(0, 16)}.lock`)
      writeFileSync(`${lock}.2`, JSON.stringify(isAlive ? dead : owner))
      writeFileSync(`${lock}.9`, JSON.stringify(isAlive ? dead : owner))
      writeFileSync(`${lock}.10`, JSON.stringify(isAlive ? owner : dead))
      await writeLog(directory, 1)
      expect((await verifyLog(directory)).chains).toHaveLength(chains)
      const locks = readdirSync(directory).filter((name) => name.includes('.lock.'))
      expect(locks).toHaveLength(left)
    },
  )

  it('T6 is not removed by the process that leaves it alone', async () => {
    const { owner } = await ownLock()
    const directory = newDirectory()
    const first = fileSink({ directory, signer: null })
    await first.write(eventOf(1))
    const second = fileSink({ directory, signer: null })
    await second.write(eventOf(2))
    await second.close()
    expect(readdirSync(directory).filter((name) => name.includes('.lock.'))).toHaveLength(1)
    expect(owner).toMatchObject({ pid: process.pid, host: hostname() })
    await first.close()
  })
})
