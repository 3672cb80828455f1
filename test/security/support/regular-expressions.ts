import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const packages = new URL('../../../packages/', import.meta.url)

export interface FoundExpression {
  /** A file, and the literal as written in it. */
  readonly where: string
  readonly regex: RegExp
}

/** Every regular expression literal in what we publish, with one of the places where it is. */
export function publishedExpressions(): readonly FoundExpression[] {
  const files = new Map(
    nodesOf(ts.isRegularExpressionLiteral).map(({ file, node }) => [node.text, file]),
  )
  return [...files].map(([text, file]) => {
    const end = text.lastIndexOf('/')
    const regex = new RegExp(text.slice(1, end), text.slice(end + 1))
    return { where: `${file} ${text}`, regex }
  })
}

/** Every place in what we publish where an expression is built from text. */
export function builtExpressions(): readonly string[] {
  const isBuilt = (node: ts.Node): node is ts.NewExpression | ts.CallExpression =>
    (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'RegExp'
  return nodesOf(isBuilt).map(({ file }) => file)
}

function nodesOf<N extends ts.Node>(is: (node: ts.Node) => node is N): { file: string; node: N }[] {
  const found: { file: string; node: N }[] = []
  for (const file of sourceFiles()) {
    const text = readFileSync(new URL(file, packages), 'utf8')
    const visit = (node: ts.Node): void => {
      if (is(node)) found.push({ file, node })
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true))
  }
  return found
}

function sourceFiles(): readonly string[] {
  const names = readdirSync(packages, { withFileTypes: true })
  return names
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) =>
      readdirSync(new URL(`${name}/src/`, packages), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `${name}/src/${file}`),
    )
}
