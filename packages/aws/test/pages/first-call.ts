import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Express, RequestHandler } from 'express'
import { readTemplate } from '../templates/cloudformation-template.ts'
import { type Deployment, toDeployment } from './deployment.ts'
import { blockWith, runBlock } from './page.ts'
import { resolveTemplate } from './resolve-template.ts'
import type { Stack } from './run-deployment.ts'

export type Mode = 'header' | 'enriched-header' | 'enriched'
export const modes: readonly Mode[] = ['header', 'enriched-header', 'enriched']

/** The page of CloudFormation, with the parameters that its command has, and these. */
export function fromCloudFormation(
  mode: Mode,
  more: Readonly<Record<string, string>> = {},
): Deployment {
  const command = blockWith('cloudformation', 'sh', '--parameter-overrides')
  const given = [...command.matchAll(/\b([A-Z]\w+)=(\S+)/g)].map(([, name, value]) => [name, value])
  const parameters = { ...Object.fromEntries(given), Mode: mode, ...more }
  return toDeployment(resolveTemplate(readTemplate(), parameters))
}

/** The code that the pages put into the server, with the source of this mode. */
export async function accept(
  mode: Mode,
  app: Express,
  handleMcp: RequestHandler,
  change = (code: string): string => code,
): Promise<void> {
  const code = blockWith('cloudformation', 'ts', 'createAuthenticator')
  const own = code.replace("sources['header']", `sources['${mode}']`)
  await runBlock(change(own), { app, handleMcp })
}

const run = promisify(execFile)

interface Changes {
  /** Where to call. Default the gateway. */
  readonly url?: string
  /** Another header. */
  readonly header?: string
}

/** The command of the page, run by a shell. Behind the local gateway, tools keep their own names. */
export async function curl(stack: Stack, token: string | undefined, changes: Changes = {}) {
  const { url = stack.gateway.mcpUrl('invoices'), header = 'x-nothing: in it' } = changes
  const own = ' -H "authorization: Bearer $ACCESS_TOKEN"'
  const command = blockWith('cloudformation', 'sh', own)
    .replace('invoices___', '')
    .replace('curl', `curl -s -H '${header}'`)
    .replace(own, token === undefined ? '' : own)
  const env = { ...process.env, GATEWAY_URL: url, ACCESS_TOKEN: token }
  return readAnswer((await run('bash', ['-c', command], { env })).stdout)
}

function readAnswer(text: string): unknown {
  const json = /^data: (.*)$/m.exec(text)?.[1] ?? text
  const answer = JSON.parse(json) as { result?: { content: { text: string }[]; isError?: boolean } }
  const said = answer.result?.content[0]?.text
  return said === undefined || answer.result?.isError ? answer : (JSON.parse(said) as unknown)
}
