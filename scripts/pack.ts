import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

export interface PackedPackage {
  name: string
  tarball: string
  /** Import specifiers of every entry with code: `@onbehalf/core`, `@onbehalf/core/guards`, ... */
  entries: string[]
  /** Peer dependencies as npm takes them: `express@^5.0.0`. */
  peers: string[]
}

interface PackReport {
  name: string
  filename: string
}

interface Manifest {
  name: string
  exports: Record<string, unknown>
  peerDependencies?: Record<string, string>
}

/** Builds every package from nothing and packs it into `into`. */
export function packAll(into: string): PackedPackage[] {
  const manifests = readdirSync('packages').map(cleanManifest)
  pnpm('run', 'build')
  const report = pnpm('--filter', './packages/*', 'pack', '--json', '--pack-destination', into)
  const packed = new Map(
    [JSON.parse(report) as PackReport | PackReport[]].flat().map((p) => [p.name, p.filename]),
  )
  return manifests.map(({ name, exports, peerDependencies }) => {
    const tarball = packed.get(name)
    if (tarball === undefined) throw new Error(`pnpm packed no tarball for ${name}`)
    const peers = Object.entries(peerDependencies ?? {}).map(([peer, range]) => `${peer}@${range}`)
    return { name, tarball, entries: entriesOf(name, exports), peers }
  })
}

/** Hosts that run checks have `npx`, and `pnpm` only if it was installed there. */
function pnpm(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('npx', ['-y', 'pnpm@10', ...args], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`pnpm ${args.join(' ')}: failed\n${stdout}${stderr}`)
  return stdout
}

export function printSizes(packages: readonly PackedPackage[]): void {
  console.table(
    Object.fromEntries(
      packages.map(({ name, tarball }) => {
        const gzipped = readFileSync(tarball)
        const { files, bytes } = contentsOf(gunzipSync(gzipped))
        return [name, { packed: kilobytes(gzipped.length), unpacked: kilobytes(bytes), files }]
      }),
    ),
  )
}

// A stale file in dist would be packed: tsc never removes what it no longer emits.
function cleanManifest(folder: string): Manifest {
  rmSync(`packages/${folder}/dist`, { recursive: true, force: true })
  return JSON.parse(readFileSync(`packages/${folder}/package.json`, 'utf8')) as Manifest
}

function entriesOf(name: string, exports: Record<string, unknown>): string[] {
  return Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => name + path.slice(1))
}

// A tar entry is a 512-byte header, its size in octal at offset 124, then the data in 512-byte blocks.
function contentsOf(tar: Buffer): { files: number; bytes: number } {
  let files = 0
  let bytes = 0
  for (let at = 0; at < tar.length && tar[at] !== 0; files += 1) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8)
    bytes += size
    at += 512 + Math.ceil(size / 512) * 512
  }
  return { files, bytes }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
