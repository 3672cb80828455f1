import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Findings, readCheck } from './checks.ts'

/** A pinned release of `@modelcontextprotocol/conformance`, and what to run of it. */
export interface Suite {
  readonly package: 'conformance' | 'conformance-next'
  readonly arguments: readonly string[]
}

const require = createRequire(import.meta.url)

/**
 * Runs the server scenarios against an endpoint, by a Node that `findNode` found.
 *
 * @throws Error when the suite left no results
 */
export async function runSuite(node: string, suite: Suite, url: URL): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const cli = require.resolve(`${suite.package}/dist/index.js`)
    const args = [cli, 'server', '--url', url.href, '-o', folder, ...suite.arguments]
    const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => (said += part))
    }
    await once(child, 'close')
    const findings = await readFindings(folder, url)
    // It ends with 1 when a check failed, too: what it wrote tells the difference.
    if (Object.keys(findings).length === 0) throw new Error(`the suite left no results:\n${said}`)
    return findings
  } finally {
    await rm(folder, { recursive: true })
  }
}

const scenarioFolder = /^server-(.+)-\d{4}-\d{2}-\d{2}T.+$/

async function readFindings(folder: string, url: URL): Promise<Findings> {
  const found: [string, Findings[string]][] = []
  for (const name of (await readdir(folder)).sort()) {
    const [, scenario] = scenarioFolder.exec(name) ?? []
    if (scenario === undefined) throw new Error(`the suite left an unknown folder: ${name}`)
    const checks = JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8')) as object[]
    found.push([scenario, checks.map((check) => readCheck(check, url))])
  }
  return Object.fromEntries(found)
}
