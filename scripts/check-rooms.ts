import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

// Imports lead one way: no file reaches itself by them, and no folder of a package does.

type Graph = Map<string, Set<string>>

const roots = [
  ...readdirSync('packages').map((name) => join('packages', name, 'src')),
  'scripts',
  join('bench', 'src'),
  join('examples', 'demo', 'src'),
]

const wrong = roots.flatMap((root) => {
  const files: Graph = new Map()
  const rooms: Graph = new Map()
  for (const [from, to] of importsIn(root)) {
    add(files, from, to)
    const [fromRoom, toRoom] = [roomOf(from), roomOf(to)]
    // What is in no room may be used by all, and uses all.
    if (fromRoom !== toRoom && fromRoom !== '' && toRoom !== '') add(rooms, fromRoom, toRoom)
  }
  return [...circle(files), ...circle(rooms)].map((names) => `${root}: ${names.join(' -> ')}`)
})

for (const line of wrong) console.error(line)
console.log(`rooms: ${roots.length} folders of sources, ${wrong.length} circles`)
if (wrong.length > 0) process.exitCode = 1

function* importsIn(root: string): Generator<readonly [from: string, to: string]> {
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const text = readFileSync(join(root, path), 'utf8')
    for (const [, specifier = ''] of text.matchAll(/ from '(\.[^']+)'/g)) {
      yield [path, relative(root, resolve(root, dirname(path), specifier))]
    }
  }
}

function roomOf(path: string): string {
  return path.includes(sep) ? (path.split(sep)[0] ?? '') : ''
}

function add(graph: Graph, from: string, to: string): void {
  graph.set(from, (graph.get(from) ?? new Set()).add(to))
}

/** The first circle that is found, by its members in order. */
function circle(graph: Graph): readonly (readonly string[])[] {
  const done = new Set<string>()
  const visit = (name: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const next of graph.get(name) ?? []) {
      const found = visit(next, [...way, name])
      if (found !== undefined) return found
    }
    done.add(name)
    return undefined
  }
  for (const name of graph.keys()) {
    const found = visit(name, [])
    if (found !== undefined) return [found]
  }
  return []
}
