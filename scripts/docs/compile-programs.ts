import { join, resolve } from 'node:path'
import ts from 'typescript'
import type { DocsProgram } from './compose-programs.ts'

const folder = resolve('docs')
const unusedCodes = new Set([6133, 6192, 6196, 6198])

/**
 * Compiles programs as files of `docs/`, with its settings and what `docs/prelude.ts` declares.
 *
 * @returns one line for each error, pointing into the page
 */
export function compilePrograms(programs: readonly DocsProgram[]): string[] {
  const files = new Map(
    programs.map((program, index) => [join(folder, `program-${index}.ts`), program]),
  )
  const { options, fileNames } = readSettings()
  const disk = ts.createCompilerHost(options)
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => files.has(name) || disk.fileExists(name),
    readFile: (name) => files.get(name)?.text ?? disk.readFile(name),
    getSourceFile: (name, settings) => {
      const text = host.readFile(name)
      return text === undefined ? undefined : ts.createSourceFile(name, text, settings)
    },
  }
  const compiler = ts.createProgram([...fileNames, ...files.keys()], options, host)
  return [
    ...compiler.getOptionsDiagnostics().map(toMessage),
    ...fileNames.flatMap((name) => diagnosticsOf(compiler, name).map(toMessage)),
    ...[...files].flatMap(([name, program]) => complaints(compiler, name, program)),
  ]
}

function readSettings(): ts.ParsedCommandLine {
  const file = join(folder, 'tsconfig.json')
  const { config } = ts.readConfigFile(file, (name) => ts.sys.readFile(name)) as { config: unknown }
  return ts.parseJsonConfigFileContent(config, ts.sys, folder)
}

function complaints(compiler: ts.Program, name: string, program: DocsProgram): string[] {
  return diagnosticsOf(compiler, name).flatMap((diagnostic) => {
    const { file, start = 0, code } = diagnostic
    const line = file?.getLineAndCharacterOfPosition(start).line ?? 0
    // A page may end before it uses a constant; an import that it never uses is a mistake.
    if (unusedCodes.has(code) && line >= program.imports) return []
    const origin = program.origins[line] ?? program.origins[program.imports + 1]
    return [`${origin?.file}:${origin?.line}: ${toMessage(diagnostic)}`]
  })
}

function diagnosticsOf(compiler: ts.Program, name: string): ts.Diagnostic[] {
  const source = compiler.getSourceFile(name)
  if (source === undefined) throw new Error(`${name} was not compiled`)
  return [...compiler.getSyntacticDiagnostics(source), ...compiler.getSemanticDiagnostics(source)]
}

function toMessage({ messageText, code }: ts.Diagnostic): string {
  return `TS${code} ${ts.flattenDiagnosticMessageText(messageText, '\n  ')}`
}
