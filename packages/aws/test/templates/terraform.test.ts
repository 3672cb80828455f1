import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from '@cdktf/hcl2json'
import { beforeAll, describe, expect, it } from 'vitest'
import { toPascal } from '../pages/resolve-module.ts'
import { awsProvider, checkBlock } from './check-block.ts'
import { checkResource } from './check-resource.ts'
import { isInstalled } from './is-installed.ts'

type Blocks = Record<string, Record<string, Record<string, unknown>[]>>

interface Module {
  readonly resource: Blocks
  readonly data: Blocks
  readonly variable: Record<string, unknown>
  readonly locals: readonly Record<string, unknown>[]
}

const read = (name: string): string =>
  readFileSync(new URL(`../../templates/terraform/${name}`, import.meta.url), 'utf8')

let module: Module
beforeAll(async () => {
  const [main, variables] = await Promise.all(
    ['main.tf', 'variables.tf'].map(async (name) => parse(name, read(name))),
  )
  module = { ...main, ...variables } as unknown as Module
})

/** Resources of the provider that follows CloudFormation, name by name. */
const types = new Map([
  ['awscc_bedrockagentcore_gateway', 'AWS::BedrockAgentCore::Gateway'],
  ['awscc_bedrockagentcore_gateway_target', 'AWS::BedrockAgentCore::GatewayTarget'],
])
const ofTerraform = new Set(['count', 'depends_on'])

describe('the module of Terraform', () => {
  it('has no member in gateway and targets that CloudFormation does not have', async () => {
    const found = Object.entries(module.resource).flatMap(([type, named]) => {
      const Type = types.get(type)
      return Type === undefined ? [] : Object.values(named).flatMap((it) => toResource(Type, it[0]))
    })
    expect(found).toHaveLength(3)
    expect((await Promise.all(found.map(checkResource))).flat()).toEqual([])
  })

  it.each(['resource', 'data'] as const)(
    'has no member in a %s of the other provider that it does not have',
    (kind) => {
      const found = Object.entries(module[kind]).flatMap(([type, named]) =>
        Object.entries(named).flatMap(([name, [block = {}]]) => {
          const schema = awsProvider[kind][type]
          if (types.has(type)) return []
          return schema
            ? checkBlock(schema.members, block, `${type}.${name}`)
            : [`${type}: no schema`]
        }),
      )
      expect(found).toEqual([])
    },
  )

  it('is compared by something that finds mistakes', () => {
    const { members } = awsProvider.resource['aws_lambda_function'] ?? { members: {} }
    const block = { function_name: 'x', environment: [{ variable: {} }], handlers: 'y' }
    expect(checkBlock(members, block, 'it')).toEqual([
      'it.role is missing',
      'it.environment.variable is unknown',
      'it.handlers is unknown',
    ])
    const dynamic = { lambda_config: [{ content: [{ pre_token: [] }] }] }
    const pool = awsProvider.resource['aws_cognito_user_pool']?.members ?? {}
    expect(checkBlock(pool, { name: 'x', dynamic }, 'it')).toEqual([
      'it.lambda_config.pre_token is unknown',
    ])
  })

  it('reads no attribute that the provider does not have', () => {
    const text = read('main.tf')
    const references = [...text.matchAll(/\b(data\.)?(aws_\w+)\.\w+(?:\[0\])?\.(\w+)/g)].map(
      ([, data, type = '', attribute = '']) => {
        const schema = awsProvider[data ? 'data' : 'resource'][type]
        return schema?.attributes.includes(attribute) ? undefined : `${type}.${attribute}`
      },
    )
    expect(references.length).toBeGreaterThan(20)
    expect(references.filter((it) => it !== undefined)).toEqual([])
    const required = /source = "hashicorp\/aws", version = ">= ([\d.]+)"/.exec(text)?.[1]
    expect(required).toBe(awsProvider.version.replace(/\.0$/, ''))
  })

  it.skipIf(!isInstalled('terraform', '-version'))('is formatted as Terraform formats it', () => {
    const folder = fileURLToPath(new URL('../../templates/terraform', import.meta.url))
    const { status, stdout } = spawnSync('terraform', ['fmt', '-check', '-diff', folder], {
      encoding: 'utf8',
    })
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  })

  it('refers to nothing that is not declared', () => {
    const text = read('main.tf')
    const declared = (blocks: Blocks, prefix: string): string[] =>
      Object.entries(blocks).flatMap(([type, named]) =>
        Object.keys(named).map((name) => `${prefix}${type}.${name}`),
      )
    const known = new Set([
      ...declared(module.resource, ''),
      ...declared(module.data, 'data.'),
      ...Object.keys(module.variable).map((name) => `var.${name}`),
      ...Object.keys(module.locals[0] ?? {}).map((name) => `local.${name}`),
    ])
    const references = text.match(
      /\b(?:var\.\w+|local\.\w+|data\.aws_\w+\.\w+|(?<!data\.)aws(?:cc)?_\w+\.\w+)/g,
    )
    expect(references?.length).toBeGreaterThan(60)
    expect((references ?? []).filter((it) => !known.has(it))).toEqual([])
    const unused = Object.keys(module.variable).filter((name) => !text.includes(`var.${name}`))
    expect(unused).toEqual([])
  })

  it('has the trigger of version V3_0, on a plan that has it', () => {
    const pool = module.resource['aws_cognito_user_pool']?.['machines']?.[0]
    expect(pool?.['user_pool_tier']).toBe('ESSENTIALS')
    expect(JSON.stringify(pool)).toContain('"lambda_version":"V3_0"')
  })

  it('hands the headers of requests to the interceptor', () => {
    const gateway = module.resource['awscc_bedrockagentcore_gateway']?.['this']?.[0]
    expect(gateway?.['interceptor_configurations']).toMatchObject([
      { interception_points: ['REQUEST'], input_configuration: { pass_request_headers: true } },
    ])
  })

  it('gives a credential to the target of the header mode, and none to the other', () => {
    const targets = module.resource['awscc_bedrockagentcore_gateway_target']
    expect(targets?.['header']?.[0]).toHaveProperty('credential_provider_configurations')
    expect(targets?.['enriched']?.[0]).not.toHaveProperty('credential_provider_configurations')
  })

  it('allows no action of every name, and none on everything', () => {
    const text = read('main.tf')
    expect(text.match(/Action +=/g)?.length).toBeGreaterThan(5)
    expect(text).not.toMatch(/Action += .*\*/)
    expect(text).not.toMatch(/Resource += \[?"\*"/)
    // Names of another module could match any other open pattern.
    const patterns = text.match(/"[^"\n]*[*?]"/g)
    expect(new Set(patterns)).toEqual(
      new Set([
        '"${aws_cloudwatch_log_group.trigger[0].arn}:*"',
        '"${aws_cloudwatch_log_group.interceptor.arn}:*"',
        '"${local.identity}:gateway/*"',
      ]),
    )
  })
})

function toResource(Type: string, block: Record<string, unknown> = {}) {
  const own = Object.entries(block).filter(([name]) => !ofTerraform.has(name))
  return { Type, Properties: toPascal(withoutExpressions(Object.fromEntries(own)) as object) }
}

/** An expression's value is not known before it is applied. */
function withoutExpressions(value: unknown): unknown {
  if (typeof value === 'string' && value.startsWith('${')) return { 'Fn::Sub': value }
  if (Array.isArray(value)) return value.map(withoutExpressions)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
  return Object.fromEntries(members.map(([name, member]) => [name, withoutExpressions(member)]))
}
