import { followCommand } from './audit/follow.ts'
import { proveCommand } from './audit/prove.ts'
import { showCommand } from './audit/show.ts'
import { verifyCommand } from './audit/verify.ts'
import { explainCommand } from './explain/explain.ts'
import { type Output, UsageError, visibleOutput } from './output.ts'

type Command = (args: readonly string[], output: Output) => Promise<number>

const commands: ReadonlyMap<string, Command> = new Map([
  ['audit verify', verifyCommand],
  ['audit show', showCommand],
  ['audit follow', followCommand],
  ['audit prove', proveCommand],
  ['explain', explainCommand],
])

const usage = `Usage:
  onbehalf audit verify DIR... [--public-key FILE]... [--head FILE]... [--json]
  onbehalf audit show DIR... [--user SUBJECT] [--issuer URL] [--organization ID] [--tool NAME]
                          [--decision allow|deny] [--type intent|result|refusal]
                          [--since TIME] [--until TIME] [--json]
  onbehalf audit follow DIR [the filters of show] [--all] [--json]
  onbehalf audit prove DIR EVENT-ID
  onbehalf audit prove --check FILE --public-key FILE
  onbehalf explain MODULE [--export NAME] [--identity FILE] [--json]`

/**
 * Runs one command.
 *
 * @returns its exit code: 0 for good, 1 for a log or proof that is not, 2 for a command that could
 *   not be carried out, 3 for a log that nothing contradicts and that is not proven
 */
export async function run(args: readonly string[], output: Output): Promise<number> {
  const words = commands.has(args[0] ?? '') ? 1 : 2
  const command = commands.get(args.slice(0, words).join(' '))
  if (command === undefined) {
    const asked = args.length === 0 || args[0] === '--help' || args[0] === 'help'
    output.err(usage)
    return asked ? 0 : 2
  }
  const visible = visibleOutput(output)
  try {
    return await command(args.slice(words), visible)
  } catch (error) {
    visible.err(`onbehalf: ${error instanceof Error ? error.message : String(error)}`)
    if (isUsage(error)) output.err(usage)
    return 2
  }
}

function isUsage(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return error instanceof UsageError || String(code).startsWith('ERR_PARSE_ARGS')
}
