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
    const received = lines.map((line) => JSON.parse(line) as Received)
    for (const message of received) for (const deliver of waiting) deliver(message)
  })
  return {
    send: (message) => void input.write(`${JSON.stringify(message)}\n`),
    next: (fits) =>
      new Promise((resolve) => {
        const deliver = (message: Received): void => {
          if (!fits(message)) return
          waiting.delete(deliver)
          resolve(message)
        }
        waiting.add(deliver)
      }),
    end: () => void input.end(),
  }
}
