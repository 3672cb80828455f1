import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { type Block, readPage } from '../docs/markdown.ts'
import { runBlocks, type Step } from './run-blocks.ts'
import {
  exportsIn,
  isForOperator,
  printedSoon,
  type Started,
  startProgram,
} from './start-program.ts'

const promptlySeconds = 8

/**
 * Does what the README of an example tells its readers to do: starts the issuer that it prints, then
 * the server, and calls it with each `curl`; ends the server while a connection to it is open.
 *
 * @param tools a project with all packages: what readers install besides, to try the example
 * @returns one line for each thing that is not as the README says
 */
export async function followReadme(folder: string, tools: string): Promise<readonly string[]> {
  const name = basename(folder)
  const ports = await moveToFreePorts(folder)
  const { blocks } = readPage(join(folder, 'README.md'))
  const issuerProgram = blocks.find(
    (it) => it.language === 'ts' && it.lines.includes(importOfIssuer),
  )
  if (issuerProgram === undefined) return [`${name}: the README has no issuer to try it with`]
  const file = join(tools, `${name}-issuer.ts`)
  writeFileSync(file, issuerProgram.lines.join('\n'))
  const issuer = startProgram(file, {})
  try {
    await issuer.prints(/^export [^]*\n$/m)
    const settings = { ...exportsIn(issuer.output()), ...auditSettings(blocks) }
    const complaints = await callServer({ folder, tools }, toSteps(blocks), {
      ...settings,
      ...ports,
    })
    if (complaints.length === 0) console.log(`ok: ${name} answers as its README says`)
    return complaints.map((complaint) => `${name}: ${complaint}`)
  } finally {
    await issuer.stop()
  }
}

const importOfIssuer = "import { createLocalIssuer } from '@onbehalf/testing'"

type Environment = Readonly<Record<string, string>>

interface Place {
  readonly folder: string
  readonly tools: string
}

async function callServer(
  place: Place,
  steps: readonly Step[],
  environment: Environment,
): Promise<readonly string[]> {
  const { folder, tools } = place
  const server = startProgram(join(folder, 'src/server.ts'), environment, { cwd: folder })
  const variables = { ...environment, PATH: `${tools}/node_modules/.bin:${process.env['PATH']}` }
  try {
    const [, url] = (await server.prints(/listening on (?:http:\/\/)?(\S+)/)) ?? []
    if (url === undefined) return [`the server does not start\n${server.output()}`]
    const calls = steps.filter(({ command }) => !command.startsWith('npx '))
    const answers = await runBlocks(folder, calls, variables)
    const unseen = await missingLines(steps, server)
    const isEnded = await endWithOpenConnection(server, url)
    const late = isEnded ? [] : [`SIGTERM does not end it within ${promptlySeconds} seconds`]
    const later = steps.filter(({ command }) => command.startsWith('npx '))
    return [...answers, ...unseen, ...late, ...(await runBlocks(folder, later, variables))]
  } finally {
    await server.stop()
  }
}

async function missingLines(steps: readonly Step[], server: Started): Promise<readonly string[]> {
  const missing: string[] = []
  for (const line of steps.flatMap(({ log }) => log)) {
    if (!(await printedSoon(server, line))) missing.push(`the operator does not see ${line}`)
  }
  return missing
}

/** A client that keeps its connection must not keep a server that is asked to end. */
async function endWithOpenConnection(server: Started, url: string): Promise<boolean> {
  const { port, pathname } = new URL(`http://${url}`)
  const metadata = `/.well-known/oauth-protected-resource${pathname}`
  await fetch(`http://127.0.0.1:${port}${metadata}`).then((answer) => answer.text())
  return server.stop('SIGTERM', promptlySeconds)
}

/** Commands that call the server or look at what it left, each with what is printed below it. */
function toSteps(blocks: readonly Block[]): readonly Step[] {
  return blocks.flatMap(({ language, line, lines }, index) => {
    const command = lines.join('\n')
    if (language !== 'sh' || !/\bcurl -|^npx onbehalf /.test(command)) return []
    const rest = blocks.slice(index + 1)
    const end = rest.findIndex((it) => it.language !== 'text')
    const shown = rest.slice(0, end === -1 ? rest.length : end).flatMap((it) => it.lines)
    const answer = shown.filter((it) => !isForOperator(it)).join('\n')
    return [{ line, command, answer, log: shown.filter(isForOperator) }]
  })
}

function auditSettings(blocks: readonly Block[]): Environment {
  const isRecorded = blocks.some(({ lines }) => lines.some((it) => it.includes('AUDIT_KEY=')))
  const key = randomBytes(32).toString('base64')
  return isRecorded ? { AUDIT_DIRECTORY: './audit-log', AUDIT_KEY: key } : {}
}

/** Another program may have the ports of the README: each is replaced in all of its text. */
async function moveToFreePorts(folder: string): Promise<Environment> {
  const file = join(folder, 'README.md')
  let text = readFileSync(file, 'utf8')
  const [, port = ''] = /127\.0\.0\.1:(3\d{3}|8000)\b/.exec(text) ?? []
  const own = await freePort()
  for (const [from, to] of [
    [port, own],
    ['4000', await freePort()],
  ] as const) {
    text = text.replaceAll(new RegExp(`\\b(127\\.0\\.0\\.1:|port: )${from}\\b`, 'g'), `$1${to}`)
  }
  writeFileSync(file, text)
  return { PORT: own }
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return String(port)
}
