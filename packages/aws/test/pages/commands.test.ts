import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { readPage } from '../../../../scripts/docs/markdown.ts'
import { templateFile } from '../templates/cloudformation-template.ts'
import { isInstalled } from '../templates/is-installed.ts'

// The commands of the pages, handed to the AWS CLI with an endpoint where nobody listens: it checks names and
// shapes of parameters by its own model of each service before it reaches for the network.

interface Command {
  readonly page: string
  readonly text: string
  /** Files that the command names as `file://NAME`, with the block below it. */
  readonly files: Readonly<Record<string, string>>
}

const pages = ['aws/cloudformation', 'aws/runtime', 'enriched-claims', 'forwarded-token']
const commands = pages.flatMap(commandsOf)

function commandsOf(page: string): readonly Command[] {
  const file = fileURLToPath(new URL(`../../../../docs/${page}.md`, import.meta.url))
  const { blocks } = readPage(file)
  return blocks.flatMap(({ language, lines }, at) => {
    if (language !== 'sh') return []
    const next = blocks[at + 1]?.lines.join('\n') ?? ''
    const whole = lines.join('\n').replaceAll(/\\\n\s*/g, '')
    const found = [...whole.matchAll(/(?:^|\$\()(aws .*?)\)?$/gm)]
    return found.map(([, text = '']) => {
      const [, name] = /file:\/\/(\S+)/.exec(text) ?? []
      return { page, text, files: name === undefined ? {} : { [name]: next } }
    })
  })
}

const folder = mkdtempSync(join(tmpdir(), 'onbehalf-commands-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const name of ['pre-token-trigger.zip', 'request-interceptor.zip']) {
  writeFileSync(join(folder, name), 'PK')
}
for (const name of ['cloudformation.yaml', 'runtime.yaml']) {
  copyFileSync(fileURLToPath(templateFile), join(folder, name))
}

const run = promisify(execFile)

/** What the AWS CLI complains of. */
async function complaintOf({ text, files }: Command): Promise<string> {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    PASSWORD: 'example',
    AWS_ACCESS_KEY_ID: 'example',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_MAX_ATTEMPTS: '1',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const command = `${text} --endpoint-url http://127.0.0.1:9`
  try {
    const { stdout } = await run('bash', ['-c', command], { cwd: folder, env })
    return stdout
  } catch (error) {
    return (error as { stderr: string }).stderr
  }
}

const reached = /Could not connect to the endpoint URL: "http:\/\/127\.0\.0\.1:9/

describe.skipIf(!isInstalled('aws', '--version'))('the AWS CLI', () => {
  it.each(commands.map((command) => [`${command.page}: ${command.text}`, command] as const))(
    'understands %s',
    async (_name, command) => {
      expect(await complaintOf(command)).toMatch(reached)
    },
    60_000,
  )

  it.each([
    'aws cognito-idp initiate-auth --auth-flow USER_PASSWORD --clientid x',
    'aws cognito-idp initiate-auth --client-id x',
  ])(
    'does not understand %s',
    async (text) => {
      expect(await complaintOf({ page: '', text, files: {} })).not.toMatch(reached)
    },
    60_000,
  )
})

it('has commands to understand', () => {
  expect(commands.length).toBeGreaterThan(7)
})
