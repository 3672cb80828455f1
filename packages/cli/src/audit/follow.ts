import { parseArgs } from 'node:util'
import { followLog } from '@onbehalf/audit'
import { type Output, printJson, UsageError } from '../output.ts'
import { createFilter, filterOptions } from './filter.ts'
import { printText } from './print.ts'

const options = {
  ...filterOptions,
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** `onbehalf audit follow DIR`: prints events as they are written, until it is stopped. */
export async function followCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [directory, ...more] = positionals
  if (directory === undefined || more.length > 0) throw new UsageError('name one directory')
  const isWanted = createFilter(values)
  const print = values.json === true ? printJson : printText
  const { signal } = output
  for await (const record of followLog(directory, { signal, fromStart: values.all === true })) {
    if (isWanted(record.event)) output.out(print(record))
  }
  return 0
}
