import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

// How large the Lambda functions are as one file, and what importing them adds to the start of Node.
// Times are told as a ratio to Node alone on the same machine, measured in turns.
const names = ['pre-token-trigger', 'request-interceptor']
const maxBytes = 150_000
const runs = 15
// Nothing listens there: what is measured is the import, and a key load that fails at once.
const settings = {
  PEOPLE_ISSUER: 'http://127.0.0.1:9',
  PEOPLE_AUDIENCE: 'agents',
  VOUCHING_CLIENTS: 'gateway',
  GATEWAY_URL: 'https://gateway.example.com',
  TARGET: 'invoices',
}

const scratch = mkdtempSync(join(tmpdir(), 'onbehalf-lambdas-'))
try {
  const empty = join(scratch, 'empty.mjs')
  writeFileSync(empty, '')
  await bundle()
  const rows = names.map((name) => [name, measure(join(scratch, `${name}.mjs`), empty)] as const)
  console.table(Object.fromEntries(rows))
  const tooLarge = rows.filter(([, { bytes }]) => bytes > maxBytes)
  for (const [name] of tooLarge) console.error(`${name} is larger than ${maxBytes} bytes`)
  if (tooLarge.length > 0) process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true })
}

async function bundle(): Promise<void> {
  const source = new URL('../examples/aws-lambdas/src/', import.meta.url)
  mkdirSync(scratch, { recursive: true })
  await build({
    entryPoints: names.map((name) => new URL(`${name}.ts`, source).pathname),
    outdir: scratch,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    conditions: ['@onbehalf/source'],
    external: ['@aws-sdk/*'],
    logLevel: 'warning',
  })
}

function measure(file: string, empty: string) {
  const code = readFileSync(file)
  const times = Array.from({ length: runs }, () => [start(empty), start(file)] as const)
  const alone = median(times.map(([time]) => time))
  const together = median(times.map(([, time]) => time))
  return {
    bytes: code.length,
    gzipped: gzipSync(code).length,
    'start, to Node alone': Number((together / alone).toFixed(2)),
    'import, ms here': Math.round(median(times.map(() => importMs(file)))),
  }
}

/** Milliseconds for a whole process that imports a file and ends. */
function start(file: string): number {
  const began = performance.now()
  node([file])
  return performance.now() - began
}

function importMs(file: string): number {
  const script = `const t = performance.now(); await import('${file}'); process.stderr.write(String(performance.now() - t))`
  return Number(node(['--input-type=module', '--eval', script]))
}

function node(args: readonly string[]): string {
  const { PATH = '' } = process.env
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: { PATH, ...settings },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`a function did not start: ${stderr}`)
  return stderr
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
