import { runInNewContext } from 'node:vm'
import { parse } from '@cdktf/hcl2json'
import { CLIENT_ID, CLIENT_SECRET, functionArn, MACHINE_POOL, REGION } from './names.ts'
import type { PlainResource, PlainTemplate } from './resolve-template.ts'

type Body = Readonly<Record<string, unknown>>
type Blocks = Readonly<Record<string, Readonly<Record<string, readonly Body[]>>>>

/** Files of Terraform, parsed and put together. */
interface Files {
  readonly resource: Blocks
  readonly variable: Readonly<Record<string, readonly { readonly default?: unknown }[]>>
  readonly locals: readonly Body[]
  readonly output: Readonly<Record<string, readonly { readonly value: unknown }[]>>
}

/** Parses files of Terraform, by name. */
export async function parseFiles(files: Readonly<Record<string, string>>): Promise<Files> {
  const parsed = await Promise.all(Object.entries(files).map(([name, text]) => parse(name, text)))
  return Object.assign({}, ...parsed) as Files
}

/** Creates a module on paper, in the words of CloudFormation. */
export function resolveModule(files: Files, given: Body): PlainTemplate {
  const evaluate = createEvaluate(files, given)
  const resources = Object.entries(files.resource).flatMap(([type, named]) =>
    Object.entries(named).flatMap(([name, [body = {}]]) => {
      const translate = translations[type]
      const created = evaluate(body['count'] ?? 1) !== 0
      return translate && created
        ? [
            [
              `${type.replace(/_version$/, '')}.${name}`,
              translate(evaluate(withoutCount(body)) as Body),
            ] as const,
          ]
        : []
    }),
  )
  const outputs = Object.entries(files.output).map(([name, [it]]) => [
    toPascalName(name),
    evaluate(it?.value),
  ])
  return {
    resources: Object.fromEntries(resources),
    outputs: Object.fromEntries(outputs) as Body,
  }
}

function withoutCount({ count: _count, ...body }: Body): Body {
  return body
}

/** HCL writes expressions as JavaScript would, as far as the module goes. */
function createEvaluate(files: Files, given: Body): (value: unknown) => unknown {
  const lookUp = (find: (name: string) => unknown): object =>
    new Proxy({}, { get: (_target, name) => find(String(name)) })
  const vars = lookUp((name) => given[name] ?? files.variable[name]?.[0]?.default)
  const local = lookUp((name) => evaluate(files.locals[0]?.[name]))
  const data = {
    aws_caller_identity: { current: { account_id: '123456789012' } },
    aws_partition: { current: { partition: 'aws' } },
    aws_region: { current: { region: REGION } },
    aws_iam_policy_document: lookUp(() => ({ json: '{}' })),
  }
  const resources = Object.entries(files.resource).map(([type, named]) => [
    type,
    lookUp((name) => attributesOf(type, name, named[name]?.[0])),
  ])

  function attributesOf(type: string, name: string, body: Body = {}): object {
    const attributes: object = lookUp((attribute) => {
      if (attribute === '0') return attributes
      const known = attributesByType[type]?.[attribute]
      if (typeof known === 'function') return known(evaluate(body['function_name']))
      return known ?? (body[attribute] ? evaluate(body[attribute]) : `${type}.${name}`)
    })
    return attributes
  }

  const scope = {
    vars,
    local,
    data,
    ...Object.fromEntries(resources),
    join: (separator: string, list: readonly string[]) => list.join(separator),
    filebase64sha256: () => 'hash',
    // Policies are compared elsewhere.
    jsonencode: () => '{}',
  }

  function evaluate(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(evaluate)
    if (typeof value === 'object' && value !== null) {
      const members = Object.entries(value).filter(([name]) => name !== 'policy')
      return Object.fromEntries(members.map(([name, member]) => [name, evaluate(member)]))
    }
    return typeof value === 'string' && value.includes('${') ? run(value) : value
  }

  function run(text: string): unknown {
    const alone = /^\$\{((?:[^{}]|\{[^{}]*\})*)\}$/.exec(text)?.[1]
    const code = alone === undefined ? `\`${text}\`` : `(${alone.replaceAll('"', '`')})`
    return runInNewContext(code.replaceAll(/\bvar\./g, 'vars.'), scope) as unknown
  }

  return evaluate
}

const attributesByType: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  aws_cognito_user_pool: { id: MACHINE_POOL },
  aws_cognito_user_pool_client: { id: CLIENT_ID, client_secret: CLIENT_SECRET },
  aws_lambda_function: { arn: (name: unknown) => functionArn(String(name)) },
}

/** Each resource that matters, by its name in CloudFormation and with its members. */
const translations: Readonly<Record<string, (body: Body) => PlainResource>> = {
  aws_cognito_user_pool: (body) => ({
    Type: 'AWS::Cognito::UserPool',
    Properties: {
      UserPoolTier: body['user_pool_tier'],
      LambdaConfig: toLambdaConfig(body['dynamic']),
    },
  }),
  aws_cognito_resource_server: (body) => {
    const scopes = body['scope'] as readonly { scope_name: string }[]
    const Scopes = scopes.map(({ scope_name: ScopeName }) => ({ ScopeName }))
    return {
      Type: 'AWS::Cognito::UserPoolResourceServer',
      Properties: { Identifier: body['identifier'], Scopes },
    }
  },
  aws_cognito_user_pool_client: (body) => ({
    Type: 'AWS::Cognito::UserPoolClient',
    Properties: {
      ...toPascal(body),
      AllowedOAuthScopes: body['allowed_oauth_scopes'],
      AllowedOAuthFlows: body['allowed_oauth_flows'],
    },
  }),
  aws_secretsmanager_secret_version: (body) => ({
    Type: 'AWS::SecretsManager::Secret',
    Properties: { SecretString: body['secret_string'] },
  }),
  aws_lambda_function: (body) => {
    const [environment] = body['environment'] as readonly { variables: unknown }[]
    const Environment = { Variables: environment?.variables }
    return { Type: 'AWS::Lambda::Function', Properties: { ...toPascal(body), Environment } }
  },
  aws_bedrockagentcore_oauth2_credential_provider: (body) => {
    const [config] = body['oauth2_provider_config'] as Record<string, Record<string, unknown>[]>[]
    const [custom = {}] = config?.['custom_oauth2_provider_config'] ?? []
    const [OauthDiscovery] = (custom['oauth_discovery'] as Body[]).map(toPascal)
    return {
      Type: 'AWS::BedrockAgentCore::OAuth2CredentialProvider',
      Properties: {
        Oauth2ProviderConfigInput: {
          CustomOauth2ProviderConfig: { ...toPascal(custom), OauthDiscovery },
        },
      },
    }
  },
  awscc_bedrockagentcore_gateway: (body) => ({
    Type: 'AWS::BedrockAgentCore::Gateway',
    Properties: toPascal(body),
  }),
  awscc_bedrockagentcore_gateway_target: (body) => ({
    Type: 'AWS::BedrockAgentCore::GatewayTarget',
    Properties: toPascal(body),
  }),
}

interface Dynamic {
  readonly for_each: readonly unknown[]
  readonly content: readonly { readonly pre_token_generation_config: readonly Body[] }[]
}

function toLambdaConfig(dynamic: unknown): object | undefined {
  const [block] = (dynamic as { lambda_config: readonly Dynamic[] }).lambda_config
  const [config] = block?.content[0]?.pre_token_generation_config ?? []
  if (block?.for_each.length !== 1 || config === undefined) return undefined
  return { PreTokenGenerationConfig: toPascal(config) }
}

/** A name of Terraform as CloudFormation writes it, at every depth. */
export function toPascal(value: object): Record<string, unknown> {
  return rename(value) as Record<string, unknown>
}

function rename(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rename)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [toPascalName(name), rename(member)]),
  )
}

function toPascalName(name: string): string {
  const words = name.split('_').map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return words.join('').replace('CustomJwt', 'CustomJWT')
}
