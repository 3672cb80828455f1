import { Aws, SecretValue } from 'aws-cdk-lib'
import {
  CfnUserPool,
  CfnUserPoolClient,
  CfnUserPoolDomain,
  CfnUserPoolResourceServer,
} from 'aws-cdk-lib/aws-cognito'
import { type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Code } from 'aws-cdk-lib/aws-lambda'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { IdentityFunction } from './identity-function.ts'

interface MachinePoolProps {
  readonly name: string
  readonly domainPrefix: string
  /** Adds the user to the tokens. */
  readonly trigger?: {
    readonly triggerCode: Code
    readonly attachTrigger?: boolean
    readonly environment: Readonly<Record<string, string>>
  }
}

export const SCOPE = 'mcp/invoke'

/**
 * A user pool for machine tokens, with the gateway as its only client. They have their own pool: its
 * trigger never runs when a user signs in.
 */
export class MachinePool extends Construct {
  readonly pool: CfnUserPool
  readonly client: CfnUserPoolClient
  readonly issuer: string
  private readonly domain: CfnUserPoolDomain
  private readonly secret: Secret | undefined

  constructor(scope: Construct, id: string, props: MachinePoolProps) {
    super(scope, id)
    const { name, domainPrefix, trigger } = props
    const functionName = `${name}-pre-token`
    this.pool = new CfnUserPool(this, 'Pool', {
      userPoolName: `${name}-machines`,
      // Triggers of version V3_0 need this plan or PLUS.
      userPoolTier: 'ESSENTIALS',
      adminCreateUserConfig: { allowAdminCreateUserOnly: true },
      ...(trigger &&
        trigger.attachTrigger !== false && { lambdaConfig: lambdaConfig(functionName) }),
    })
    this.issuer = `https://cognito-idp.${Aws.REGION}.amazonaws.com/${this.pool.ref}`
    const userPoolId = this.pool.ref
    this.domain = new CfnUserPoolDomain(this, 'Domain', { domain: domainPrefix, userPoolId })
    this.client = this.createClient(userPoolId)
    if (trigger === undefined) return
    const { triggerCode: code, environment } = trigger
    const { function: handler } = new IdentityFunction(this, 'Trigger', {
      functionName,
      handler: 'pre-token-trigger.handler',
      code,
      timeoutSeconds: 5,
      environment: { ...environment, VOUCHING_CLIENTS: this.client.ref },
    })
    handler.addPermission('Cognito', {
      principal: new ServicePrincipal('cognito-idp.amazonaws.com'),
      sourceAccount: Aws.ACCOUNT_ID,
      sourceArn: this.pool.attrArn,
    })
    this.secret = new Secret(this, 'ClientSecret', {
      description: 'Client secret of the gateway',
      secretStringValue: SecretValue.resourceAttribute(this.client.attrClientSecret),
    })
  }

  private createClient(userPoolId: string): CfnUserPoolClient {
    const server = new CfnUserPoolResourceServer(this, 'ResourceServer', {
      userPoolId,
      identifier: 'mcp',
      name: 'MCP servers',
      scopes: [{ scopeName: 'invoke', scopeDescription: 'Call tools' }],
    })
    const client = new CfnUserPoolClient(this, 'Gateway', {
      userPoolId,
      clientName: 'gateway',
      generateSecret: true,
      allowedOAuthFlowsUserPoolClient: true,
      allowedOAuthFlows: ['client_credentials'],
      allowedOAuthScopes: [SCOPE],
      // An enriched token outlives the user's own by at most this.
      accessTokenValidity: 15,
      tokenValidityUnits: { accessToken: 'minutes' },
    })
    client.addResourceDependency(server)
    return client
  }

  /** Where and how the interceptor asks for a token. */
  enrichedSettings(): Record<string, string> {
    return {
      TOKEN_ENDPOINT: `https://${this.domain.ref}.auth.${Aws.REGION}.amazoncognito.com/oauth2/token`,
      CLIENT_ID: this.client.ref,
      CLIENT_SECRET_ARN: this.secret?.secretArn ?? '',
      SCOPES: SCOPE,
    }
  }

  /** Lets a role read the client secret, if there is one. */
  grantSecret(role: Role): void {
    this.secret?.grantRead(role)
  }
}

function lambdaConfig(functionName: string): CfnUserPool.LambdaConfigProperty {
  // By name: the function has to know the client, and the client is part of this user pool.
  const lambdaArn = `arn:${Aws.PARTITION}:lambda:${Aws.REGION}:${Aws.ACCOUNT_ID}:function:${functionName}`
  return { preTokenGenerationConfig: { lambdaVersion: 'V3_0', lambdaArn } }
}
