import { parseArgs } from 'node:util'
import { readLog } from '@onbehalf/audit'
import { type Output, printJson, UsageError } from '../output.ts'
import { createFilter, filterOptions } from './filter.ts'
import { printText } from './print.ts'

const options = { ...filterOptions, json: { type: 'boolean' } } as const

/** `onbehalf audit show DIR...`: prints the events that the filters let through. */
export async function showCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  if (positionals.length === 0) throw new UsageError('name a directory')
  const isWanted = createFilter(values)
  const print = values.json === true ? printJson : printText
  for await (const record of readLog(positionals)) {
    if (output.signal.aborted) break
    if (isWanted(record.event)) output.out(print(record))
  }
  return 0
}
