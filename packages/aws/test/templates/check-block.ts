import { readFileSync } from 'node:fs'

/** Members of a block: whether they are required, and the blocks inside. */
export interface BlockSchema {
  readonly [member: string]: boolean | { readonly required: boolean; readonly block: BlockSchema }
}

interface TypeSchema {
  readonly members: BlockSchema
  readonly attributes: readonly string[]
}

/** What the `aws` provider knows of the types that the module uses: see scripts/terraform-schema.ts. */
export const awsProvider = JSON.parse(
  readFileSync(new URL('terraform-aws.json', import.meta.url), 'utf8'),
) as {
  readonly version: string
  readonly resource: Readonly<Record<string, TypeSchema>>
  readonly data: Readonly<Record<string, TypeSchema>>
}

type Body = Readonly<Record<string, unknown>>

/** Every type has them. */
const ofTerraform = new Set(['count', 'depends_on', 'for_each', 'lifecycle', 'provider'])

/** Compares a block, as the parser gives it, with a schema: names at every depth, and that required ones are there. */
export function checkBlock(
  schema: BlockSchema,
  { dynamic, ...body }: Body,
  path: string,
): string[] {
  const members = { ...body, ...contentsOf(dynamic) }
  const missing = Object.entries(schema)
    .filter(([name, member]) => isRequired(member) && !(name in members))
    .map(([name]) => `${path}.${name} is missing`)
  const wrong = Object.entries(members).flatMap(([name, value]) =>
    ofTerraform.has(name) ? [] : checkMember(schema[name], value, `${path}.${name}`),
  )
  return [...missing, ...wrong]
}

function checkMember(
  schema: BlockSchema[string] | undefined,
  value: unknown,
  path: string,
): string[] {
  if (schema === undefined) return [`${path} is unknown`]
  if (typeof schema === 'boolean') return []
  const blocks = [value].flat()
  // An attribute of objects may be an expression.
  return blocks.flatMap((block) =>
    typeof block === 'object' && block !== null
      ? checkBlock(schema.block, block as Body, path)
      : [],
  )
}

function isRequired(member: BlockSchema[string]): boolean {
  return typeof member === 'boolean' ? member : member.required
}

/** `dynamic "x" { content { ... } }` is `x { ... }`. */
function contentsOf(dynamic: unknown): Body {
  const named = Object.entries((dynamic ?? {}) as Record<string, { content: unknown }[]>)
  return Object.fromEntries(named.map(([name, [block]]) => [name, block?.content]))
}
