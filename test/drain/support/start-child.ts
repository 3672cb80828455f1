import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type LogReport, verifyLog } from '@onbehalf/audit'
import { createTokenMinter } from '@onbehalf/testing'
import { onTestFinished, vi } from 'vitest'
import type { FromChild, Settings, ToChild } from './settings.ts'

type Message<T extends FromChild['type']> = Extract<FromChild, { readonly type: T }>

/** A server that runs in a process of its own until it is drained, or the test is over. */
export interface Child {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  terminate(): void
  kill(): void
  tell(message: ToChild): void
  /** The first message of a kind, once it has come. */
  heard<T extends FromChild['type']>(type: T): Promise<Message<T>>
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>
  verifyAudit(): Promise<LogReport>
}

const patient = { timeout: 50_000, interval: 20 }

export async function startChild(
  options: Partial<Settings> & Pick<Settings, 'host' | 'drain'>,
): Promise<Child> {
  const minter = await createTokenMinter()
  const folder = await mkdtemp(join(tmpdir(), 'onbehalf-drain-'))
  const directory = join(folder, 'log')
  const signingKey = join(folder, 'key.pem')
  const { issuer, jwks } = minter
  const settings: Settings = { prefix: 'drain:', issuer, jwks, directory, signingKey, ...options }
  const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx', '--conditions=@onbehalf/source'],
    env: { ...process.env, SETTINGS: JSON.stringify(settings) },
  })
  const messages: FromChild[] = []
  child.on('message', (message: FromChild) => messages.push(message))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true })
  })
  const heard: Child['heard'] = (type) =>
    vi.waitFor(() => {
      const found = messages.find((message) => message.type === type)
      if (found === undefined) throw new Error(`the server has not said: ${type}`)
      return found as never
    }, patient)
  const { port } = await heard('listening')
  const token = await minter.mint({
    aud: 'https://mcp.example.com/mcp',
    sub: 'ada',
    client_id: 'desktop',
  })
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    headers: { authorization: `Bearer ${token}` },
    terminate: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
    tell: (message) => void child.send(message),
    heard,
    exited,
    verifyAudit: async () =>
      verifyLog(directory, { publicKeys: [await readFile(`${signingKey}.pub`, 'utf8')] }),
  }
}
