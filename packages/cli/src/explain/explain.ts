import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { visibleText } from '@onbehalf/audit'
import { type Output, printJson, UsageError } from '../output.ts'
import { type Explanation, loadServer } from './load-server.ts'
import { readIdentity } from './read-identity.ts'

const options = {
  export: { type: 'string', default: 'createServer' },
  identity: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** `onbehalf explain MODULE`: what an identity may do on the server that a module makes, and why. */
export async function explainCommand(args: readonly string[], output: Output): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) throw new UsageError('name one module')
  const { identity: identityFile } = values
  const identity = identityFile && readIdentity(readFileSync(identityFile, 'utf8'))
  const explain = await loadServer(resolve(file), values.export)
  const lines = await explain(identity || undefined)
  for (const line of values.json === true ? lines.map(printJson) : toTable(lines)) output.out(line)
  return 0
}

function toTable(lines: readonly Explanation[]): readonly string[] {
  const rows = lines.map(({ kind, name, verdict, guard, reason, rule }) => [
    kind,
    visibleText(name),
    verdict,
    guard,
    [reason, rule === undefined ? undefined : `rule ${rule}`].filter(Boolean).join(', '),
  ])
  const widths = [0, 1, 2, 3].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
