import * as nodeModule from 'node:module'
import { adopt, type SdkExports } from './adopt.ts'
import { exchange } from './exchange.ts'
import { isCopy, load, refusalOf } from './load-guarded.ts'

type Compile = (this: NodeJS.Module, source: string, path: string, ...more: unknown[]) => unknown

interface ModuleClass {
  readonly prototype: { _compile: Compile }
}

/** Newer than the oldest Node that is supported, and than its types. */
interface Hooks {
  readonly registerHooks?: (hooks: { readonly load: typeof load }) => void
}

/**
 * Guards what is loaded from now on: ES modules by hooks, and CommonJS when it was compiled.
 *
 * @throws TypeError when this Node loads CommonJS in another way
 */
export function watchModules(): void {
  const { registerHooks } = nodeModule as Hooks
  if (registerHooks) registerHooks({ load })
  else nodeModule.register(siblingOf('load-guarded'))
  watchCommonJs(nodeModule.Module as unknown as ModuleClass)
}

function siblingOf(name: string): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./${name}.${extension}`, import.meta.url)
}

/** CommonJS modules of both SDK generations that make servers. */
const commonJs =
  /[\\/]@modelcontextprotocol[\\/](?:sdk[\\/]dist[\\/]cjs[\\/]server[\\/](?:index|mcp)\.js|server[\\/]dist[\\/](?:index|stdio)\.cjs)$/

function watchCommonJs({ prototype }: ModuleClass): void {
  exchange(
    prototype,
    '_compile',
    (compile) =>
      function compileGuarded(this: NodeJS.Module, source, path, ...more) {
        // Of an ES module that is required, the hook has looked at the source.
        if (isCopy(path, String(source))) throw new Error(refusalOf(path))
        const result = compile.call(this, source, path, ...more)
        if (commonJs.test(path)) {
          Object.assign(this.exports as object, adopt(this.exports as SdkExports))
        }
        return result
      },
  )
}
