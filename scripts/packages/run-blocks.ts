import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'

/** A command that a page prints. */
export interface Step {
  /** Where it is in the page. */
  readonly line: number
  readonly command: string
  /** What the page shows as its output; empty if it shows nothing. */
  readonly answer: string
  /** What the page shows as seen by the operator. */
  readonly log: readonly string[]
}

const mark = '<<<end of a step>>>'

/**
 * Runs commands in one shell, so that the variables of one are there for the next.
 *
 * @returns one line for each output that is not what the page shows
 */
export async function runBlocks(
  cwd: string,
  steps: readonly Step[],
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  // Commands of packages are on the path: `npx` would look for them in the registry.
  const commands = steps.map(({ command }) => command.replaceAll(/^npx /gm, ''))
  const script = commands.map((command) => `${command}\necho '${mark}'`).join('\n')
  const { HOME = '' } = process.env
  const child = spawn('sh', ['-c', script], {
    cwd,
    env: { HOME, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child, 'close')
  const outputs = output.split(mark)
  return steps.flatMap(({ line, answer }, index) => {
    const printed = outputs[index] ?? ''
    if (answer === '' || comparable(printed) === comparable(answer)) return []
    return [`line ${line} prints\n${printed.trim()}\nin place of\n${answer}`]
  })
}

const own = /^(?:date|connection|keep-alive|transfer-encoding|content-length|x-powered-by): .*\n/gim

/** Without what differs from run to run, and without headers that every server of Node sends. */
function comparable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r', '')
    .replaceAll(own, '')
    .replaceAll(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/g, '(id)')
    .replaceAll(/\b[\da-f]{16}\b/g, '(chain)')
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '(time)')
    .replaceAll(/\b\d+(?:\.\d+)? ms\b/g, '(duration)')
    .replaceAll(/:\/\/127\.0\.0\.1:\d+/g, '://127.0.0.1')
    .split('\n')
    .map((it) => it.trimEnd())
    .join('\n')
    .replaceAll(/\n{2,}/g, '\n\n')
    .trim()
}
