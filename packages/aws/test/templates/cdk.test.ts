import { IdentityGateway, type IdentityGatewayProps } from '@onbehalf/aws/cdk'
import { App, Stack } from 'aws-cdk-lib'
import { Match } from 'aws-cdk-lib/assertions'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { describe, expect, it } from 'vitest'
import { checkResource, type TemplateResource } from './check-resource.ts'
import { modes, synthesize } from './synthesize.ts'

const templates = {
  header: synthesize('header'),
  'enriched-header': synthesize('enriched-header'),
  enriched: synthesize('enriched'),
}

describe.each(modes)('the construct in %s mode', (mode) => {
  const template = templates[mode]
  const { Resources } = template.toJSON() as { Resources: Record<string, TemplateResource> }

  it.each(Object.entries(Resources))('has no member in %s that does not exist', async (_id, it) => {
    expect(await checkResource(it)).toEqual([])
  })

  it('hands the headers of requests to the interceptor', () => {
    template.hasResourceProperties('AWS::BedrockAgentCore::Gateway', {
      AuthorizerConfiguration: { CustomJWTAuthorizer: { AllowedClients: ['web', 'mobile'] } },
      InterceptorConfigurations: [
        { InterceptionPoints: ['REQUEST'], InputConfiguration: { PassRequestHeaders: true } },
      ],
    })
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'request-interceptor.handler',
      Environment: { Variables: Match.objectLike({ MODE: mode, TARGET: 'invoices' }) },
    })
    expect(Object.keys(Resources).length).toBeGreaterThan(8)
  })

  it('allows no action on everything', () => {
    const policies = Object.values(template.findResources('AWS::IAM::Policy'))
    const statements = policies.flatMap(
      (it) =>
        (it as { Properties: { PolicyDocument: { Statement: Record<string, unknown>[] } } })
          .Properties.PolicyDocument.Statement,
    )
    expect(statements.length).toBeGreaterThan(1)
    expect(statements.filter((it) => JSON.stringify(it['Resource']) === '"*"')).toEqual([])
    expect(statements.filter((it) => JSON.stringify(it['Action']).includes('*'))).toEqual([])
    // Names of another gateway could match an open pattern.
    expect(statements.filter((it) => JSON.stringify(it['Resource']).includes('*'))).toEqual([])
  })
})

it('forwards the header by the allow-list, beside a machine token', () => {
  templates.header.hasResourceProperties('AWS::BedrockAgentCore::GatewayTarget', {
    MetadataConfiguration: { AllowedRequestHeaders: ['X-User-Token'] },
    CredentialProviderConfigurations: [{ CredentialProviderType: 'OAUTH' }],
  })
  expect(templates.header.findResources('AWS::SecretsManager::Secret')).toEqual({})
  templates.header.resourceCountIs('AWS::Lambda::Function', 1)
})

it('has the header and the trigger, where an enriched token goes beside the gateway’s own', () => {
  const template = templates['enriched-header']
  template.hasResourceProperties('AWS::BedrockAgentCore::GatewayTarget', {
    MetadataConfiguration: { AllowedRequestHeaders: ['X-User-Token'] },
    CredentialProviderConfigurations: [{ CredentialProviderType: 'OAUTH' }],
    TargetConfiguration: { Mcp: { McpServer: { McpToolSchema: Match.absent() } } },
  })
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: {
      Variables: Match.objectLike({ HEADER: 'X-User-Token', CLIENT_ID: Match.anyValue() }),
    },
  })
  expect(Object.keys(template.findResources('AWS::Lambda::Function'))).toHaveLength(2)
})

it('leaves Authorization to the interceptor, and enriches by a trigger of version V3_0', () => {
  templates.enriched.hasResourceProperties('AWS::BedrockAgentCore::GatewayTarget', {
    MetadataConfiguration: Match.absent(),
    CredentialProviderConfigurations: Match.absent(),
    TargetConfiguration: { Mcp: { McpServer: { McpToolSchema: Match.anyValue() } } },
  })
  templates.enriched.hasResourceProperties('AWS::Cognito::UserPool', {
    UserPoolTier: 'ESSENTIALS',
    LambdaConfig: { PreTokenGenerationConfig: { LambdaVersion: 'V3_0' } },
  })
  templates.enriched.hasResourceProperties('AWS::Lambda::Permission', {
    Principal: 'cognito-idp.amazonaws.com',
    SourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('Pool'), 'Arn'] },
  })
  expect(templates.enriched.findResources('AWS::SecretsManager::Secret')).not.toEqual({})
})

it('can be deployed without the trigger first', () => {
  synthesize('enriched', false).hasResourceProperties('AWS::Cognito::UserPool', {
    LambdaConfig: Match.absent(),
  })
  expect(synthesize('enriched', true).findResources('AWS::Cognito::UserPool')).not.toEqual({})
})

it.each<[string, object]>([
  [
    '"modes" is not an option of IdentityGateway; did you mean "mode"?',
    { modes: { type: 'header' } },
  ],
  ['people must not be undefined', { people: undefined }],
  ['clientIds must not be undefined', { people: { userPoolId: 'x', clientIds: undefined } }],
  [
    'people.clientIds must name at least one app client',
    { people: { userPoolId: 'x', clientIds: [] } },
  ],
  ['header must not be undefined', { mode: { type: 'header', header: undefined } }],
  [
    '"headers" is not an option of mode; did you mean "header"?',
    { mode: { type: 'header', headers: 'x' } },
  ],
])('says what is wrong: %s', (message, wrong) => {
  const props = {
    gatewayName: 'agents',
    target: { name: 'invoices', endpoint: 'https://mcp.example.com/mcp' },
    people: { userPoolId: 'eu-west-1_Ab12Cd34E', clientIds: ['web'] },
    mode: { type: 'header' },
    interceptorCode: Code.fromInline('export const handler = 1'),
    domainPrefix: 'agents-machines',
    ...wrong,
  } as IdentityGatewayProps
  const stack = new Stack(new App(), 'Wrong')
  expect(() => new IdentityGateway(stack, 'Identity', props)).toThrow(new TypeError(message))
})
