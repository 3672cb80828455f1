import { readFileSync } from 'node:fs'

/**
 * Prints, as JSON, what the `aws` provider of Terraform knows of the resources and data sources that the module
 * of @onbehalf/aws uses. The provider's registry is not asked: its bindings on npm say the same.
 *
 *   npm pack @cdktf/provider-aws@21.22.1 && tar -xzf cdktf-provider-aws-21.22.1.tgz package/.jsii
 *   tsx scripts/terraform-schema.ts package/.jsii 6.25.0 > packages/aws/test/templates/terraform-aws.json
 */
interface Type {
  readonly kind: string
  readonly properties?: readonly Property[]
}

interface Property {
  readonly name: string
  readonly optional?: boolean
  readonly static?: boolean
  readonly type: TypeReference
}

interface TypeReference {
  readonly fqn?: string
  readonly primitive?: string
  readonly collection?: { readonly elementtype: TypeReference }
  readonly union?: { readonly types: readonly TypeReference[] }
}

/** Members of a block: `true` for a required value, `false` for another, and blocks inside. */
interface Block {
  readonly [member: string]: boolean | { readonly required: boolean; readonly block: Block }
}

const [file = '', version] = process.argv.slice(2)
const { types } = JSON.parse(readFileSync(file, 'utf8')) as { types: Record<string, Type> }
const text = readFileSync(
  new URL('../packages/aws/templates/terraform/main.tf', import.meta.url),
  'utf8',
)
const namesOf = (keyword: string): readonly string[] => {
  const found = text.matchAll(new RegExp(`^${keyword} "(aws_\\w+)"`, 'gm'))
  return [...new Set([...found].map(([, name = '']) => name))].toSorted()
}
const ofConstructs = new Set([
  'connection',
  'count',
  'dependsOn',
  'forEach',
  'lifecycle',
  'provider',
  'provisioners',
])

const describe = (prefix: string, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, describeOne(`${prefix}${name}`)]))
console.log(
  JSON.stringify(
    {
      version,
      resource: describe('', namesOf('resource')),
      data: describe('data_', namesOf('data')),
    },
    undefined,
    2,
  ),
)

function describeOne(name: string) {
  // `aws_lambda_function` is `lambdaFunction.LambdaFunction`; `data_aws_region` keeps its `aws`.
  const pascal = toPascal(name.replace(/^aws_/, ''))
  const module = pascal.charAt(0).toLowerCase() + pascal.slice(1)
  const type = (suffix: string): Type | undefined =>
    types[`@cdktf/provider-aws.${module}.${pascal}${suffix}`]
  const own = type('')
  if (own === undefined) throw new Error(`${name} is none of the provider's`)
  const attributes = (own.properties ?? []).filter((it) => !it.static && !it.name.endsWith('Input'))
  return {
    members: toBlock(type('Config')),
    attributes: attributes.map((it) => toSnake(it.name)).toSorted(),
  }
}

function toBlock(type: Type | undefined): Block {
  const members = (type?.properties ?? []).filter(({ name }) => !ofConstructs.has(name))
  return Object.fromEntries(
    members.map((it) => {
      const required = it.optional !== true
      const block = blockOf(it.type)
      return [toSnake(it.name), block ? { required, block: toBlock(block) } : required]
    }),
  )
}

function blockOf({ fqn, collection, union }: TypeReference): Type | undefined {
  if (union) return union.types.map(blockOf).find((it) => it !== undefined)
  if (collection) return blockOf(collection.elementtype)
  const type = fqn === undefined ? undefined : types[fqn]
  return type?.kind === 'interface' && fqn?.startsWith('@cdktf/provider-aws.') ? type : undefined
}

function toPascal(name: string): string {
  return name
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')
}

function toSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
