import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNode } from './find-node.ts'

/** One finding of the suite. */
export interface Check {
  readonly id: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
}

/** The checks of each scenario, in the order in which they were made. */
export type Findings = ReadonlyMap<string, readonly Check[]>

/** A pinned release of `@modelcontextprotocol/conformance`, and what to run of it. */
export interface Suite {
  readonly package: 'conformance' | 'conformance-next'
  readonly arguments: readonly string[]
}

const require = createRequire(import.meta.url)

/**
 * Runs the server scenarios against an endpoint.
 *
 * @throws Error when the suite left no results
 */
export async function runSuite(suite: Suite, url: URL): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const cli = require.resolve(`${suite.package}/dist/index.js`)
    const args = [cli, 'server', '--url', url.href, '-o', folder, ...suite.arguments]
    const child = spawn(await findNode(), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => (said += part))
    }
    await once(child, 'close')
    const findings = await readFindings(folder)
    // It ends with 1 when a check failed, too: what it wrote tells the difference.
    if (findings.size === 0) throw new Error(`the suite left no results:\n${said}`)
    return findings
  } finally {
    await rm(folder, { recursive: true })
  }
}

const scenarioFolder = /^server-(.+)-\d{4}-\d{2}-\d{2}T.+$/

async function readFindings(folder: string): Promise<Findings> {
  const found = new Map<string, readonly Check[]>()
  for (const name of (await readdir(folder)).sort()) {
    const [, scenario] = scenarioFolder.exec(name) ?? []
    if (scenario === undefined) throw new Error(`the suite left an unknown folder: ${name}`)
    const checks = await readFile(join(folder, name, 'checks.json'), 'utf8')
    found.set(scenario, JSON.parse(checks) as Check[])
  }
  return found
}
