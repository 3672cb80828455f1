import { assertOptions, type OptionNames } from '@onbehalf/core/internal'
import { Aws } from 'aws-cdk-lib'
import {
  CfnGateway,
  CfnGatewayTarget,
  CfnOAuth2CredentialProvider,
} from 'aws-cdk-lib/aws-bedrockagentcore'
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Code } from 'aws-cdk-lib/aws-lambda'
import type { IBucket } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { IdentityFunction } from './identity-function.ts'
import { MachinePool, SCOPE } from './machine-pool.ts'

/** The user's token in a header, beside the gateway's own machine token. */
export interface HeaderMode {
  readonly type: 'header'
  /** What the server's source `forwarded` reads. Default `X-User-Token`. */
  readonly header?: string
}

interface WithTrigger {
  /** Built from `preTokenTrigger`; its handler is `pre-token-trigger.handler`. */
  readonly triggerCode: Code
  /** `false` for a first deployment, should Cognito refuse a function that is not there yet. */
  readonly attachTrigger?: boolean
}

/** The user inside a machine token of Amazon Cognito, in a header beside the gateway's own. */
export interface EnrichedHeaderMode extends WithTrigger {
  readonly type: 'enriched-header'
  /** What the server's source `enriched` reads. Default `X-User-Token`. */
  readonly header?: string
}

/** The user inside a machine token of Amazon Cognito, in `Authorization`. */
export interface EnrichedMode extends WithTrigger {
  readonly type: 'enriched'
  /** Schema of the server's tools: the gateway has no credential to ask for it. */
  readonly toolSchema: { readonly bucket: IBucket; readonly key: string }
}

/** Properties of {@link IdentityGateway}. */
export interface IdentityGatewayProps {
  /** Name of the gateway; names of what belongs to it begin with it. */
  readonly gatewayName: string
  /** The MCP server: a name for the target, and an `https` URL. */
  readonly target: { readonly name: string; readonly endpoint: string }
  /** The user pool of this region that users sign in to, and the app clients they sign in with. */
  readonly people: { readonly userPoolId: string; readonly clientIds: readonly string[] }
  readonly mode: HeaderMode | EnrichedHeaderMode | EnrichedMode
  /** Built from `requestInterceptor`; its handler is `request-interceptor.handler`. */
  readonly interceptorCode: Code
  /** Prefix of the domain where the gateway asks for its tokens. */
  readonly domainPrefix: string
}

/**
 * A gateway of Amazon Bedrock AgentCore that propagates the user's identity to an MCP server: user pool for
 * machine tokens, interceptor, target, and the trigger if tokens are enriched, each with no more rights than it
 * needs.
 */
export class IdentityGateway extends Construct {
  readonly gateway: CfnGateway
  readonly target: CfnGatewayTarget
  /** Issuer of the machine tokens that the server accepts. */
  readonly machineIssuer: string
  /** The one client of it that the server accepts. */
  readonly gatewayClientId: string

  constructor(scope: Construct, id: string, props: IdentityGatewayProps) {
    super(scope, id)
    assertProps(props)
    const { gatewayName, mode } = props
    const people = {
      PEOPLE_USER_POOL_ID: props.people.userPoolId,
      PEOPLE_CLIENTS: props.people.clientIds.join(' '),
    }
    const machines = new MachinePool(this, 'Machines', {
      name: gatewayName,
      domainPrefix: props.domainPrefix,
      ...(mode.type !== 'header' && { trigger: { ...mode, environment: people } }),
    })
    const interceptor = new IdentityFunction(this, 'Interceptor', {
      functionName: `${gatewayName}-interceptor`,
      handler: 'request-interceptor.handler',
      code: props.interceptorCode,
      timeoutSeconds: 15,
      environment: {
        ...people,
        MODE: mode.type,
        TARGET: props.target.name,
        ...(mode.type !== 'enriched' && { HEADER: headerOf(mode) }),
        ...(mode.type !== 'header' && machines.enrichedSettings()),
      },
    })
    machines.grantSecret(interceptor.role)
    const role = this.createRole(interceptor.function.functionArn)
    this.gateway = this.createGateway(props, role, interceptor.function.functionArn)
    this.target =
      mode.type === 'enriched'
        ? this.createEnrichedTarget(props, mode, role)
        : this.createHeaderTarget(props, headerOf(mode), machines, role)
    this.machineIssuer = machines.issuer
    this.gatewayClientId = machines.client.ref
  }

  private createRole(interceptorArn: string): Role {
    const arn = `arn:${Aws.PARTITION}:bedrock-agentcore:${Aws.REGION}:${Aws.ACCOUNT_ID}:gateway/*`
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('bedrock-agentcore.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': arn },
        },
      }),
    })
    role.addToPolicy(allow('lambda:InvokeFunction', [interceptorArn]))
    return role
  }

  private createGateway(props: IdentityGatewayProps, role: Role, interceptor: string): CfnGateway {
    const { gatewayName, people } = props
    const gateway = new CfnGateway(this, 'Gateway', {
      name: gatewayName,
      roleArn: role.roleArn,
      protocolType: 'MCP',
      authorizerType: 'CUSTOM_JWT',
      authorizerConfiguration: {
        customJwtAuthorizer: {
          discoveryUrl: discoveryUrl(people.userPoolId),
          // Cognito's access tokens have no audience.
          allowedClients: [...people.clientIds],
        },
      },
      interceptorConfigurations: [
        {
          interceptionPoints: ['REQUEST'],
          interceptor: { lambda: { arn: interceptor } },
          // Otherwise the interceptor sees no token, and stops every request.
          inputConfiguration: { passRequestHeaders: true },
        },
      ],
    })
    gateway.node.addDependency(role)
    return gateway
  }

  /** With the gateway's own machine token, and the header that the interceptor writes. */
  private createHeaderTarget(
    props: IdentityGatewayProps,
    header: string,
    machines: MachinePool,
    role: Role,
  ): CfnGatewayTarget {
    const provider = new CfnOAuth2CredentialProvider(this, 'CredentialProvider', {
      name: `${props.gatewayName}-machines`,
      credentialProviderVendor: 'CustomOauth2',
      oauth2ProviderConfigInput: {
        customOauth2ProviderConfig: {
          clientId: machines.client.ref,
          clientSecret: machines.client.attrClientSecret,
          oauthDiscovery: { discoveryUrl: discoveryUrl(machines.pool.ref) },
        },
      },
    })
    const policy = this.allowMachineToken(role, provider)
    const target = new CfnGatewayTarget(this, 'Target', {
      ...this.targetOf(props),
      credentialProviderConfigurations: [
        {
          credentialProviderType: 'OAUTH',
          credentialProvider: {
            oauthCredentialProvider: {
              providerArn: provider.attrCredentialProviderArn,
              grantType: 'CLIENT_CREDENTIALS',
              scopes: [SCOPE],
            },
          },
        },
      ],
      metadataConfiguration: { allowedRequestHeaders: [header] },
    })
    target.node.addDependency(policy)
    return target
  }

  /**
   * What the gateway needs to get its own token from AgentCore Identity. An open pattern of names would also
   * cover those of a gateway whose name begins with this one's.
   */
  private allowMachineToken(role: Role, provider: CfnOAuth2CredentialProvider): Policy {
    const own = `${Aws.PARTITION}:bedrock-agentcore:${Aws.REGION}:${Aws.ACCOUNT_ID}`
    const directory = `arn:${own}:workload-identity-directory/default`
    const workload = `${directory}/workload-identity/${this.gateway.attrGatewayIdentifier}`
    const workloads = [directory, workload]
    const vault = [provider.attrCredentialProviderArn, `arn:${own}:token-vault/default`]
    const secrets = `arn:${Aws.PARTITION}:secretsmanager:${Aws.REGION}:${Aws.ACCOUNT_ID}:secret`
    // Secrets Manager ends each name with a hyphen and 6 characters.
    const secret = `${secrets}:bedrock-agentcore-identity!default/oauth2/${provider.name}-??????`
    return new Policy(this, 'MachineToken', {
      roles: [role],
      statements: [
        allow('bedrock-agentcore:GetWorkloadAccessToken', workloads),
        allow('bedrock-agentcore:GetResourceOauth2Token', [...vault, ...workloads]),
        allow('secretsmanager:GetSecretValue', [secret]),
      ],
    })
  }

  /** Without its own credential: the interceptor writes `Authorization`. */
  private createEnrichedTarget(
    props: IdentityGatewayProps,
    { toolSchema }: EnrichedMode,
    role: Role,
  ): CfnGatewayTarget {
    const { bucket, key } = toolSchema
    role.addToPolicy(allow('s3:GetObject', [bucket.arnForObjects(key)]))
    const target = new CfnGatewayTarget(this, 'Target', {
      ...this.targetOf(props, { s3: { uri: bucket.s3UrlForObject(key) } }),
    })
    target.node.addDependency(role)
    return target
  }

  private targetOf(
    { target }: IdentityGatewayProps,
    mcpToolSchema?: CfnGatewayTarget.McpToolSchemaConfigurationProperty,
  ) {
    const { name, endpoint } = target
    const mcpServer = { endpoint, ...(mcpToolSchema && { mcpToolSchema }) }
    return {
      name,
      gatewayIdentifier: this.gateway.attrGatewayIdentifier,
      targetConfiguration: { mcp: { mcpServer } },
    }
  }
}

const known: OptionNames<IdentityGatewayProps> = {
  gatewayName: true,
  target: true,
  people: true,
  mode: true,
  interceptorCode: true,
  domainPrefix: true,
}
const knownOfMode: OptionNames<IdentityGatewayProps['mode']> = {
  type: true,
  header: true,
  triggerCode: true,
  attachTrigger: true,
  toolSchema: true,
}

/** @throws TypeError naming the property that is unknown, undefined or empty */
function assertProps(props: IdentityGatewayProps): void {
  assertOptions('IdentityGateway', props, known)
  assertOptions('target', props.target, { name: true, endpoint: true })
  assertOptions('people', props.people, { userPoolId: true, clientIds: true })
  assertOptions('mode', props.mode, knownOfMode)
  // The gateway would accept tokens of any app client of the user pool.
  if (props.people.clientIds.length === 0) {
    throw new TypeError('people.clientIds must name at least one app client')
  }
}

function headerOf({ header = 'X-User-Token' }: HeaderMode | EnrichedHeaderMode): string {
  return header
}

function discoveryUrl(userPoolId: string): string {
  return `https://cognito-idp.${Aws.REGION}.amazonaws.com/${userPoolId}/.well-known/openid-configuration`
}

function allow(action: string, resources: string[]): PolicyStatement {
  return new PolicyStatement({ actions: [action], resources })
}
