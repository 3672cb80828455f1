import type { PassThrough } from 'node:stream'

export interface Received {
  readonly id?: unknown
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** The client's end of a line. */
export interface Line {
  send(message: object): void
  /** The next message that fits. */
  next(fits: (message: Received) => boolean): Promise<Received>
  /** The client has gone. */
  end(): void
}

export function readLines(input: PassThrough, output: PassThrough): Line {
  const waiting = new Set<(message: Received) => void>()
  let rest = ''
  output.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString('utf8')}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) for (const hear of waiting) hear(JSON.parse(line) as Received)
  })
  return {
    send: (message) => void input.write(`${JSON.stringify(message)}\n`),
    next: (fits) =>
      new Promise((resolve) => {
        const hear = (message: Received): void => {
          if (!fits(message)) return
          waiting.delete(hear)
          resolve(message)
        }
        waiting.add(hear)
      }),
    end: () => void input.end(),
  }
}
