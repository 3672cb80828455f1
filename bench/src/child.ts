import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a process did in one turn. */
export interface Turn {
  readonly operations: number
  /** Processor time of the whole process, all threads, in microseconds. */
  readonly cpuMicroseconds: number
  readonly wallMicroseconds: number
}

/** A subject in a process of its own: two processes of the same code differ for as long as they live. */
export class Child {
  readonly #process: ChildProcess

  constructor(script: URL, args: readonly string[]) {
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
    const argv = [...process.execArgv, script.pathname, ...args]
    this.#process = spawn(process.execPath, argv, { stdio: [...stdio] })
    this.#process.once('exit', (code) => {
      if (code !== null && code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
    })
  }

  /** The next message of the process. */
  async hear<T>(): Promise<T> {
    const [answer] = (await once(this.#process, 'message')) as [T]
    return answer
  }

  ask<T>(message: unknown): Promise<T> {
    const answer = this.hear<T>()
    this.#process.send(message as object)
    return answer
  }

  end(): void {
    this.#process.kill()
  }
}
