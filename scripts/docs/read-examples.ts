import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import type { Block } from './markdown.ts'
import { filesOf } from './source-files.ts'

interface PackageEntry {
  /** For example `@onbehalf/core/guards`. */
  readonly specifier: string
  readonly folder: string
  /** Exported names, and whether each is a type alone. */
  readonly names: ReadonlyMap<string, boolean>
}

/**
 * The `@example` blocks of every package. An example shows a call, not its imports: they are added
 * here for the names that the packages export, its own package first.
 */
export function readExamples(): Block[] {
  const folders = readdirSync('packages').map((name) => join('packages', name))
  const entries = folders.filter(hasManifest).flatMap(readEntries)
  return filesOf('packages', 'src').flatMap((file) => {
    const own = entries.filter(({ folder }) => file.startsWith(`${folder}/`))
    return examplesIn(file).map((block) => addImports(block, [...own, ...entries]))
  })
}

function hasManifest(folder: string): boolean {
  return existsSync(join(folder, 'package.json'))
}

function readEntries(folder: string): PackageEntry[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    exports: Record<string, string | { '@onbehalf/source'?: string }>
  }
  return Object.entries(manifest.exports).flatMap(([path, target]) => {
    const source = typeof target === 'string' ? undefined : target['@onbehalf/source']
    if (source === undefined) return []
    const specifier = join(manifest.name, path)
    return [{ specifier, folder, names: exportedNames(join(folder, source)) }]
  })
}

function exportedNames(file: string): Map<string, boolean> {
  const names = new Map<string, boolean>()
  for (const statement of parse(file).statements) {
    if (!ts.isExportDeclaration(statement) || !statement.exportClause) continue
    if (!ts.isNamedExports(statement.exportClause)) continue
    for (const { name, isTypeOnly } of statement.exportClause.elements) {
      names.set(name.text, isTypeOnly || statement.isTypeOnly)
    }
  }
  return names
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
}

const comment = /\/\*\*[\s\S]*?\*\//g
const example = /^ *\* @example\b.*\n((?:(?! *\*\/| *\* @).*\n)*)/gm

function examplesIn(file: string): Block[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(comment)].flatMap((found) =>
    [...found[0].matchAll(example)].map((match) => {
      const start = found.index + match.index + match[0].indexOf('\n') + 1
      const line = text.slice(0, start).split('\n').length
      return { file, line, language: 'ts', lines: (match[1] ?? '').split('\n').map(toCode) }
    }),
  )
}

function toCode(line: string): string {
  const text = line.replace(/^ *\* ?/, '')
  return text.startsWith('```') ? '' : text
}

function addImports(block: Block, entries: readonly PackageEntry[]): Block {
  const used = identifiersIn(block.lines.join('\n'))
  const imports = [...used].flatMap((name) => {
    const entry = entries.find(({ names }) => names.has(name))
    if (entry === undefined) return []
    const keyword = entry.names.get(name) ? 'import type' : 'import'
    return [`${keyword} { ${name} } from '${entry.specifier}'`]
  })
  const [first = '', ...rest] = block.lines
  return { ...block, lines: [`${imports.join('; ')};${first}`, ...rest] }
}

/** Names that code uses and does not declare. */
function identifiersIn(code: string): Set<string> {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isMemberName(node)) used.add(node.text)
    if (isDeclaration(node) && ts.isIdentifier(node.name)) declared.add(node.name.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest, true))
  return new Set([...used].filter((name) => !declared.has(name)))
}

function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node
  const hasMember = ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)
  return hasMember && parent.name === node
}

function isDeclaration(
  node: ts.Node,
): node is
  | ts.VariableDeclaration
  | ts.ParameterDeclaration
  | ts.BindingElement
  | ts.ImportSpecifier {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isImportSpecifier(node)
  )
}
