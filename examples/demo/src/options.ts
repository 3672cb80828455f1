import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** Whether everything keeps running after the table. */
  readonly serve: boolean
  /** The first of five ports in a row, for `serve`. */
  readonly firstPort: number
}

/** Reads `--serve` and `--port NUMBER`. */
export function readOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { serve: { type: 'boolean', default: false }, port: { type: 'string' } },
  })
  const { serve, port = '3000' } = values
  const firstPort = Number(port)
  if (!Number.isInteger(firstPort) || firstPort < 1 || firstPort > 65_531) {
    throw new Error('--port must be a number from 1 to 65531')
  }
  return { serve, firstPort }
}
