// Runs in the thread of module hooks as well: it imports nothing that a server has.

interface Loaded {
  readonly format?: string | null | undefined
  readonly shortCircuit?: boolean | undefined
  readonly source?: string | ArrayBuffer | NodeJS.TypedArray | null | undefined
}

type NextLoad<T> = (url: string, context?: object) => T

/** Marks the module that a guarded one was made of. */
const original = '?onbehalf-original'

const adopting = new URL(
  import.meta.url.endsWith('.ts') ? './adopt.ts' : './adopt.js',
  import.meta.url,
).href

/** ES modules of both SDK generations that make servers, and what is exchanged in them. */
const modules: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\/@modelcontextprotocol\/sdk\/dist\/(?:esm\/)?server\/(?:index|mcp)\.js$/, []],
  [/\/@modelcontextprotocol\/server\/dist\/index\.mjs$/, ['createMcpHandler']],
  [/\/@modelcontextprotocol\/server\/dist\/stdio\.mjs$/, ['serveStdio']],
]

/**
 * A module hook, by the name that Node asks for, and synchronous or not as the next one is: what it
 * loads is guarded, or not loaded.
 */
export function load<T extends Loaded | Promise<Loaded>>(
  url: string,
  context: object,
  nextLoad: NextLoad<T>,
): T {
  const exchanged = modules.find(([address]) => address.test(url))?.[1]
  if (exchanged !== undefined) {
    return { format: 'module', shortCircuit: true, source: guardedModule(url, exchanged) } as T
  }
  const loaded = nextLoad(url, context)
  return (
    loaded instanceof Promise
      ? loaded.then((module: Loaded) => withoutCopy(url, module))
      : withoutCopy(url, loaded)
  ) as T
}

function guardedModule(url: string, exchanged: readonly string[]): string {
  const from = JSON.stringify(url + original)
  return [
    `import * as sdk from ${from}`,
    `import { adopt } from ${JSON.stringify(adopting)}`,
    `const guarded = adopt(sdk)`,
    `export * from ${from}`,
    ...exchanged.map((name) => `export const ${name} = guarded.${name}`),
  ].join('\n')
}

function withoutCopy(url: string, loaded: Loaded): Loaded {
  const { format, source } = loaded
  if (format !== 'module' || source === null || source === undefined) return loaded
  if (!isCopy(url, typeof source === 'string' ? source : Buffer.from(source as Uint8Array))) {
    return loaded
  }
  return { ...loaded, source: `throw new Error(${JSON.stringify(refusalOf(url))})` }
}

/** Members of the server class, which survive a bundler. */
const traces = ['_oninitialize', 'sendLoggingMessage']

/** Whether a file other than those of the SDKs holds their server class. */
export function isCopy(path: string, source: string | Buffer): boolean {
  // This file names them.
  if (path === import.meta.url) return false
  if (/[\\/]@modelcontextprotocol[\\/](?:sdk|server|client|core)[\\/]/.test(path)) return false
  return traces.every((trace) => source.includes(trace))
}

export function refusalOf(path: string): string {
  return `onbehalf: ${path} carries its own copy of the MCP SDK, which cannot be guarded`
}
