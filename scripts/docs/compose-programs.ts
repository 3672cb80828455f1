import ts from 'typescript'
import type { Block, Origin } from './markdown.ts'

/** Blocks that were put together, ready to be compiled. */
export interface DocsProgram {
  readonly text: string
  /** Where each line of the text comes from; none for a line that was added. */
  readonly origins: readonly (Origin | undefined)[]
  /** Number of lines at the top that are imports. */
  readonly imports: number
}

interface Import extends Origin {
  readonly name: string
  readonly text: string
}

interface Part {
  readonly imports: readonly Import[]
  readonly lines: readonly string[]
  readonly block: Block
}

/**
 * Makes programs of the blocks of a page. A block continues those above it, so it sees their names
 * and may declare a name anew: each gets a scope inside the scope of the one before. A block that
 * imports a name from elsewhere than the blocks above begins a new program.
 */
export function composePrograms(blocks: readonly Block[]): DocsProgram[] {
  const groups: Part[][] = []
  for (const part of blocks.map(toPart)) {
    const last = groups.at(-1)
    if (last === undefined || contradicts(part, last)) groups.push([part])
    else last.push(part)
  }
  return groups.map(join)
}

function contradicts(part: Part, earlier: readonly Part[]): boolean {
  const known = new Map(earlier.flatMap(({ imports }) => imports.map((it) => [it.name, it.text])))
  return part.imports.some(({ name, text }) => (known.get(name) ?? text) !== text)
}

function join(parts: readonly Part[]): DocsProgram {
  const imports = new Map(parts.flatMap((part) => part.imports.map((it) => [it.text, it])))
  const lines: [string, Origin | undefined][] = [...imports.values()].map((it) => [it.text, it])
  for (const { block, lines: body } of parts) {
    lines.push(['{', undefined])
    for (const [index, text] of body.entries()) {
      lines.push([text, { file: block.file, line: block.line + index }])
    }
  }
  lines.push(['}'.repeat(parts.length), undefined], ['export {}', undefined])
  return {
    text: lines.map(([text]) => text).join('\n'),
    origins: lines.map(([, origin]) => origin),
    imports: imports.size,
  }
}

/** Takes imports, `export` and `export default` out of a block: they cannot stand inside a scope. */
function toPart(block: Block): Part {
  const text = block.lines.join('\n')
  const source = ts.createSourceFile('block.ts', text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  let body = text
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const { line } = source.getLineAndCharacterOfPosition(statement.getStart())
      const origin = { file: block.file, line: block.line + line }
      if (!isOfPage(statement))
        imports.push(...namesOf(statement).map((it) => ({ ...it, ...origin })))
      body = blank(body, statement)
    }
    if (ts.isExportAssignment(statement)) body = withoutDefault(body, statement)
    const exported = modifiersOf(statement).find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (exported) body = blank(body, exported)
  }
  return { imports, lines: body.split('\n'), block }
}

/** From a file that a block above is saved as: its names are in scope. */
function isOfPage({ moduleSpecifier }: ts.ImportDeclaration): boolean {
  return ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text.startsWith('./')
}

function modifiersOf(node: ts.Node): readonly ts.ModifierLike[] {
  return ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
}

/** What was exported becomes a constant. */
function withoutDefault(text: string, statement: ts.ExportAssignment): string {
  const [start, value] = [statement.getStart(), statement.expression.getStart()]
  return text.slice(0, start) + 'const exported='.padEnd(value - start) + text.slice(value)
}

function blank(text: string, node: ts.Node): string {
  const [start, end] = [node.getStart(), node.getEnd()]
  return text.slice(0, start) + text.slice(start, end).replaceAll(/\S/g, ' ') + text.slice(end)
}

/** One import for each name, so that two blocks may import the same one. */
function namesOf(statement: ts.ImportDeclaration): { name: string; text: string }[] {
  const from = statement.moduleSpecifier.getText()
  const clause = statement.importClause
  if (clause === undefined) return [{ name: from, text: `import ${from}` }]
  const keyword = clause.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'import type' : 'import'
  const toImport = (node: ts.Node, name: ts.Identifier): { name: string; text: string } => {
    const what = ts.isImportSpecifier(node) ? `{ ${node.getText()} }` : node.getText()
    return { name: name.text, text: `${keyword} ${what} from ${from}` }
  }
  const { name, namedBindings: bindings } = clause
  const named = bindings && ts.isNamedImports(bindings) ? bindings.elements : []
  return [
    ...(name ? [toImport(name, name)] : []),
    ...(bindings && ts.isNamespaceImport(bindings) ? [toImport(bindings, bindings.name)] : []),
    ...named.map((element) => toImport(element, element.name)),
  ]
}
