import { functionArn } from './names.ts'
import type { PlainResource, PlainTemplate } from './resolve-template.ts'

/** What a template creates, as far as it carries a person from a gateway to a server. */
export interface Deployment {
  readonly interceptor: LambdaFunction
  readonly trigger: LambdaFunction | undefined
  readonly pool: {
    readonly plan: string
    readonly trigger: { readonly LambdaVersion: string; readonly LambdaArn: string } | undefined
    /** Scopes that its resource server has. */
    readonly scopes: readonly string[]
    readonly client: Readonly<Record<string, unknown>> & { readonly scopes: readonly string[] }
  }
  readonly gateway: {
    readonly authorizer: {
      readonly DiscoveryUrl: string
      readonly AllowedClients: readonly string[]
    }
    readonly interceptors: readonly GatewayInterceptor[]
  }
  readonly target: Target
  /** Secret texts, by what names them. */
  readonly secrets: ReadonlyMap<string, string>
  readonly outputs: Readonly<Record<string, unknown>>
}

interface LambdaFunction {
  readonly arn: string
  readonly handler: string
  readonly environment: Readonly<Record<string, string>>
}

interface GatewayInterceptor {
  readonly InterceptionPoints: readonly string[]
  readonly Interceptor: { readonly Lambda: { readonly Arn: string } }
  readonly InputConfiguration: { readonly PassRequestHeaders: boolean }
}

interface Target {
  readonly name: string
  readonly endpoint: string
  readonly toolSchema: string | undefined
  readonly allowedRequestHeaders: readonly string[] | undefined
  /** The gateway's own credential for it. */
  readonly credential:
    | {
        readonly grantType: string
        readonly scopes: readonly string[]
        readonly clientId: string
        readonly clientSecret: string
        readonly discoveryUrl: string
      }
    | undefined
}

/** Reads from a template that was resolved what it creates. */
export function toDeployment({ resources, outputs }: PlainTemplate): Deployment {
  const all = (type: string): readonly (readonly [string, PlainResource['Properties']])[] =>
    Object.entries(resources)
      .filter(([, { Type }]) => Type === type)
      .map(([id, { Properties }]) => [id, Properties])
  const one = (type: string): PlainResource['Properties'] => {
    const [first, ...more] = all(type)
    if (first === undefined || more.length > 0) throw new Error(`not exactly one ${type}`)
    return first[1]
  }
  const functionOf = (name: string): LambdaFunction | undefined =>
    all('AWS::Lambda::Function')
      .filter(([, { Handler }]) => Handler === `${name}.handler`)
      .map(([, it]) => ({
        arn: functionArn(it.FunctionName),
        handler: it.Handler,
        environment: it.Environment.Variables,
      }))[0]

  const pool = one('AWS::Cognito::UserPool')
  const server = one('AWS::Cognito::UserPoolResourceServer')
  const client = one('AWS::Cognito::UserPoolClient')
  const gateway = one('AWS::BedrockAgentCore::Gateway')
  const interceptor = functionOf('request-interceptor')
  if (interceptor === undefined) throw new Error('no interceptor')
  const [provider] = all('AWS::BedrockAgentCore::OAuth2CredentialProvider')
  return {
    interceptor,
    trigger: functionOf('pre-token-trigger'),
    pool: {
      plan: pool.UserPoolTier,
      trigger: pool.LambdaConfig?.PreTokenGenerationConfig,
      scopes: server.Scopes.map(
        ({ ScopeName }: { ScopeName: string }) => `${server.Identifier}/${ScopeName}`,
      ),
      client: { ...client, scopes: client.AllowedOAuthScopes },
    },
    gateway: {
      authorizer: gateway.AuthorizerConfiguration.CustomJWTAuthorizer,
      interceptors: gateway.InterceptorConfigurations,
    },
    target: toTarget(one('AWS::BedrockAgentCore::GatewayTarget'), provider?.[1]),
    secrets: new Map(all('AWS::SecretsManager::Secret').map(([id, it]) => [id, it.SecretString])),
    outputs,
  }
}

function toTarget(
  target: PlainResource['Properties'],
  // `undefined` where there is none.
  provider: PlainResource['Properties'],
): Target {
  const { McpServer: server } = target.TargetConfiguration.Mcp
  const [configuration] = target.CredentialProviderConfigurations ?? []
  const oauth = configuration?.CredentialProvider.OauthCredentialProvider
  const config = provider?.Oauth2ProviderConfigInput.CustomOauth2ProviderConfig
  return {
    name: target.Name,
    endpoint: server.Endpoint,
    toolSchema: server.McpToolSchema?.S3.Uri,
    allowedRequestHeaders: target.MetadataConfiguration?.AllowedRequestHeaders,
    credential: oauth && {
      grantType: oauth.GrantType,
      scopes: oauth.Scopes,
      clientId: config.ClientId,
      clientSecret: config.ClientSecret,
      discoveryUrl: config.OauthDiscovery.DiscoveryUrl,
    },
  }
}
