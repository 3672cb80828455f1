import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import type { CallFigures } from '../calls/measure.ts'
import type { TokenFigures } from '../tokens/measure.ts'

/** What `bench/results.json` holds. Times differ from machine to machine: compare ratios. */
export interface Results {
  readonly machine: Readonly<Record<string, string | number>>
  readonly versions: Readonly<Record<string, string>>
  readonly isQuick: boolean
  readonly tokens: readonly TokenFigures[]
  readonly calls: readonly CallFigures[]
}

const peers = [
  'jose',
  'fast-jwt',
  'aws-jwt-verify',
  'express-oauth2-jwt-bearer',
  '@modelcontextprotocol/sdk',
  '@modelcontextprotocol/server',
]

export function describeMachine(): Results['machine'] {
  const [cpu] = cpus()
  return {
    processor: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
  }
}

export function describeVersions(): Results['versions'] {
  const { node, openssl, v8 } = process.versions
  return { node, v8, openssl, ...Object.fromEntries(peers.map((name) => [name, versionOf(name)])) }
}

const modules = new URL('../../node_modules/', import.meta.url)

function versionOf(name: string): string {
  const text = readFileSync(new URL(`${name}/package.json`, modules), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
