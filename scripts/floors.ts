import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmInstall } from './packages/run.ts'

// Runs the tests of @onbehalf/mcp that show its behaviour on the lowest version of each SDK that its
// peer ranges allow, and prints a table of what worked. Versions in the arguments are tried in their
// place: `pnpm floors 1.24.3 2.0.0`.

// SDK v1 caps batches from 1.30.1 on: a batch that is too large is its own to refuse.
const withoutCap = '^(?!.*batches that are too large).*v1'
const suites = ['behaviour', 'gate', 'items', 'rules', 'protect', 'over-http', 'listen', 'entry']

const { peerDependencies } = JSON.parse(readFileSync('packages/mcp/package.json', 'utf8')) as {
  peerDependencies: Record<string, string>
}
const lowest = Object.values(peerDependencies).map((range) => range.replace('^', ''))
const rows: Record<string, string>[] = []
const versions = process.argv.length > 2 ? process.argv.slice(2) : lowest

for (const version of versions) {
  const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-floor-'))
  try {
    const isV1 = version.startsWith('1.')
    const name = `@modelcontextprotocol/${isV1 ? 'sdk' : 'server'}`
    writeFileSync(join(scratch, 'package.json'), '{ "private": true, "type": "module" }')
    await npmInstall(scratch, [`${name}@${version}`, 'zod@4'])
    const files = suites.map((suite) => `packages/mcp/test/${suite}.test.ts`)
    const only = ['-t', isV1 ? withoutCap : 'v2']
    const args = ['vitest', 'run', '--config', 'vitest.floors.config.ts', ...files, ...only]
    const place = { [isV1 ? 'SDK_V1' : 'SDK_V2']: join(scratch, 'node_modules', name) }
    const env = { ...process.env, ...place }
    const { status } = spawnSync('npx', args, { stdio: 'inherit', env })
    rows.push({ SDK: name, version, guards: status === 0 ? 'work' : 'do not work' })
    if (status !== 0) process.exitCode = 1
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

console.table(rows)
