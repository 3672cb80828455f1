import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkProof, type InclusionProof, proveEvent } from '@onbehalf/audit'
import { type Output, printJson, UsageError } from '../output.ts'

const options = {
  check: { type: 'string' },
  'public-key': { type: 'string', multiple: true },
} as const

/** `onbehalf audit prove DIR EVENT-ID`, or `--check FILE --public-key FILE`. */
export async function proveCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  if (values.check !== undefined) return check(values.check, values['public-key'] ?? [], output)
  const [directory, id, ...more] = positionals
  if (directory === undefined || id === undefined || more.length > 0) {
    throw new UsageError('name a directory and an event')
  }
  output.out(printJson(await proveEvent(directory, id)))
  return 0
}

function check(file: string, keyFiles: readonly string[], output: Output): number {
  if (keyFiles.length === 0) throw new UsageError('name the --public-key of the log')
  const proof = JSON.parse(readFileSync(file, 'utf8')) as InclusionProof
  const keys = keyFiles.map((key) => readFileSync(key, 'utf8'))
  const event = checkProof(proof, keys)
  if (event === undefined) {
    output.err('The proof does not hold.')
    return 1
  }
  const { chain, size } = proof.head
  output.err(`The proof holds: the event is one of the ${size} records of chain ${chain}.`)
  output.out(printJson(event))
  return 0
}
